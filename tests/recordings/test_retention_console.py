"""What operators see of retention: the command, a recording's page, the marks, the front page."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from recordings.models import DeletionMark, Job, Recording, RetentionState
from recordings.services import retention
from recordings.services.filing import add_tags
from tests.factories import make_job, make_recording, make_tag
from tests.recordings.clock import OLD, World
from tests.recordings.console import change_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]

MARKS = "admin:recordings_deletionmark_changelist"


def purge(*arguments: str) -> list[str]:
    said = StringIO()
    call_command("purge", *arguments, stdout=said, no_color=True)
    return said.getvalue().splitlines()


class TestPurge:
    def test_a_dry_run_says_what_and_why_and_does_nothing(
        self, old: Recording, alice: User, world: World
    ) -> None:
        why = "30 days by the server's rule; its time ends 2026-05-22 12:00 UTC"
        lines = [
            f'mark  #{old.pk} of alice "Old": {why}',
            "1 to mark, 0 to unmark, 0 to delete.",
        ]
        assert purge("--dry-run") == lines
        assert not DeletionMark.objects.exists()
        assert not RetentionState.objects.exists()

        purge()
        world.wait(hours=24, seconds=1)
        before = RetentionState.objects.values().get()
        lines = [
            f'delete recording  #{old.pk} of alice "Old": {why}',
            "0 to mark, 0 to unmark, 1 to delete.",
        ]
        assert purge("--dry-run") == lines
        assert RetentionState.objects.values().get() == before
        assert Recording.objects.filter(pk=old.pk).exists()

        tag = make_tag(owner=alice, name="Board", protect_from_deletion=True)
        add_tags(recording=old, by=alice, tag_ids=[tag.pk])
        lines = [
            f'unmark  #{old.pk} of alice "Old": the tag "Board" protects it',
            "0 to mark, 1 to unmark, 0 to delete.",
        ]
        assert purge("--dry-run") == lines
        assert DeletionMark.objects.exists()

    def test_it_marks_and_deletes_now(self, old: Recording, world: World) -> None:
        assert purge() == ["1 marked, 0 unmarked, 0 deleted."]
        world.wait(hours=24, seconds=1)
        assert purge() == ["0 marked, 0 unmarked, 1 deleted."]
        assert not Recording.objects.filter(pk=old.pk).exists()

    def test_it_fails_while_the_brake_is_on(self, alice: User, world: World) -> None:
        for _ in range(3):
            make_recording(owner=alice, created_at=world.now - OLD)
        said = "The brake is on: 3 of 3 recordings came due at once"
        assert purge("--dry-run")[-1].startswith(said)
        with pytest.raises(CommandError, match=f"{said}.*purge --allow 3"):
            purge()
        with pytest.raises(CommandError, match=said):
            purge("--allow", "2")
        assert "brake" not in purge("--dry-run", "--allow", "3")[-1]
        assert purge("--allow", "3") == ["3 marked, 0 unmarked, 0 deleted."]

    def test_it_says_that_the_clock_was_put_back(self, old: Recording, world: World) -> None:
        purge()
        world.put_clock(days=-1)
        assert purge("--dry-run") == [
            "The clock was put back since retention last looked at it: every mark would be dropped."
        ]
        assert DeletionMark.objects.exists()
        with pytest.raises(CommandError, match="every mark was dropped"):
            purge()
        assert not DeletionMark.objects.exists()

    def test_it_says_that_retention_is_switched_off(self, old: Recording, settings: Any) -> None:
        settings.ENABLE_AUTO_DELETION = False
        said = purge("--dry-run")
        assert said[0] == "Automatic deletion is switched off (ENABLE_AUTO_DELETION)."
        assert said[1] == "0 to mark, 0 to unmark, 0 to delete."


class TestTheRecordingsPage:
    def said(self, console: Client, recording: Recording) -> str:
        page = console.get(change_page(recording)).content.decode()
        return page.split("Goes by itself")[1].split("</fieldset>")[0].replace("&#x27;", "'")

    def test_it_says_when_and_why(self, console: Client, old: Recording, world: World) -> None:
        fresh = Recording.objects.exclude(pk=old.pk).first()
        rule = "30 days by the server's rule"
        assert f"In a night after 1 Jul 2026, noon: {rule}." in self.said(console, fresh)
        assert f"{rule}. It is marked tonight" in self.said(console, old)
        job = make_job(recording=old)
        assert "It is marked once the work on it is done" in self.said(console, old)
        Job.objects.filter(pk=job.pk).update(status=Job.Status.DONE)
        retention.run()
        assert "In a night after 2 Jun 2026" in self.said(console, old)

    def test_it_says_why_never(self, console: Client, old: Recording, alice: User) -> None:
        tag = make_tag(owner=alice, name="<b>", retention_days=-1)
        add_tags(recording=old, by=alice, tag_ids=[tag.pk])
        assert "Never: the tag &quot;&lt;b&gt;&quot; protects it." in self.said(console, old)


def test_the_marks_are_listed_and_read_only(
    console: Client, old: Recording, alice: User, world: World
) -> None:
    retention.run()
    mark = DeletionMark.objects.get()

    def listed() -> tuple[str, int]:
        with CaptureQueriesContext(connection) as captured:
            page = console.get(reverse(MARKS)).content.decode()
        assert not any('"recordings_recording"."notes"' in query["sql"] for query in captured)
        return page, len(captured)

    page, queries = listed()
    assert "30 days by the server&#x27;s rule" in page
    assert "2 Jun 2026, noon" in page
    for path in ("delete", "change"):
        address = reverse(f"admin:recordings_deletionmark_{path}", args=[mark.pk])
        assert console.post(address, {"post": "yes"}).status_code == 403
    for _ in range(3):
        row = make_recording(owner=alice, created_at=world.now - OLD)
        mark.pk, mark.recording = None, row
        mark.save(force_insert=True)
    assert listed()[1] == queries


def test_the_front_page_says_that_the_brake_is_on(
    console: Client, alice: User, world: World
) -> None:
    assert "Retention has stopped" not in console.get("/admin/").content.decode()
    for _ in range(3):
        make_recording(owner=alice, created_at=world.now - OLD)
    retention.run()
    page = " ".join(console.get("/admin/").content.decode().split())
    assert "Retention has stopped" in page
    assert '<span class="figure">3</span> of 3 recordings came due at once' in page
    assert "manage.py purge --allow 3" in page
    retention.run(allow=3)
    assert "Retention has stopped" not in console.get("/admin/").content.decode()
