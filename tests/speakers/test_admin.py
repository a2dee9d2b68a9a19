"""The console's pages for known people, as a browser without scripts meets them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from recordings.models import RecordingSpeaker
from speakers.models import Speaker
from tests.factories import make_recording, make_transcript
from tests.recordings.console import act, trail

LIST = "/admin/speakers/speaker/"


@pytest.fixture
def ann(alice: User) -> Speaker:
    """In a recording of Alice's."""
    speaker = Speaker.objects.create(owner=alice, name="Ann")
    transcript = make_transcript(recording=make_recording(owner=alice, participants="Ann, Bo"))
    RecordingSpeaker.objects.filter(transcript=transcript, label="SPEAKER_00").update(
        speaker=speaker
    )
    return speaker


def voice() -> tuple[str | None, str | None]:
    """Participants of the recording, and what its first voice is called."""
    row = RecordingSpeaker.objects.select_related("speaker").get(label="SPEAKER_00")
    return row.transcript.recording.participants, str(row)


def test_the_list_is_searched_by_name_and_owner(console: Client, ann: Speaker, carol: User) -> None:
    Speaker.objects.create(owner=carol, name="Bo")
    for asked, found in (("ann", "Ann"), ("carol@example", "Bo")):
        (row,) = console.get(LIST, {"q": asked}).context["cl"].result_list
        assert row.name == found
    assert "Speakers" in {section["name"] for section in console.get("/admin/").context["app_list"]}


def test_the_list_costs_the_same_for_any_number(
    console: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    Speaker.objects.bulk_create(Speaker(owner=alice, name=f"Speaker {n}") for n in range(50))
    with django_assert_max_num_queries(8):
        assert console.get(LIST).status_code == 200


def test_a_rename_reaches_recordings_and_is_on_record(console: Client, ann: Speaker) -> None:
    response = console.post(f"{LIST}{ann.pk}/change/", {"name": " Zoë ", "use_count": "9"})
    assert response.status_code == 302
    ann.refresh_from_db()
    assert (ann.name, ann.use_count) == ("Zoë", 0)
    assert voice() == ("Zoë, Bo", "Zoë")
    assert trail() == [("otto", "speaker.rename", ann.pk)]


def test_a_taken_name_is_refused_with_a_sentence(
    console: Client, ann: Speaker, alice: User
) -> None:
    Speaker.objects.create(owner=alice, name="Bo")
    page = console.post(f"{LIST}{ann.pk}/change/", {"name": "Bo"}, follow=True)
    messages = [str(message) for message in page.context["messages"]]
    assert messages == ["Speaker with this name already exists"]
    assert voice() == ("Ann, Bo", "Ann")
    assert trail() == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_what_is_no_name_is_refused(console: Client, ann: Speaker, name: str) -> None:
    page = console.post(f"{LIST}{ann.pk}/change/", {"name": name})
    assert "name" in page.context["adminform"].form.errors
    ann.refresh_from_db()
    assert ann.name == "Ann"


def test_a_deletion_leaves_the_name_and_is_on_record(console: Client, ann: Speaker) -> None:
    assert console.get(f"{LIST}{ann.pk}/delete/").status_code == 200
    response = console.post(f"{LIST}{ann.pk}/delete/", {"post": "yes"})
    assert response.status_code == 302
    assert not Speaker.objects.exists()
    assert voice() == ("Ann, Bo", "Ann")
    assert trail() == [("otto", "speaker.delete", ann.pk)]


def test_many_are_deleted_in_the_same_way(console: Client, ann: Speaker, otto: User) -> None:
    own = Speaker.objects.create(owner=otto, name="Cy")
    act(console, LIST, "delete_selected", ann, own, post="yes")
    assert not Speaker.objects.exists()
    assert voice() == ("Ann, Bo", "Ann")
    assert trail() == [("otto", "speaker.delete", ann.pk)]


def test_nobody_is_added_here(console: Client) -> None:
    assert console.get(f"{LIST}add/").status_code == 403


def test_an_opened_transcript_says_the_names_at_the_price_of_one(
    console: Client, alice: User
) -> None:
    costs = set()
    for count in (1, 9):
        names = [f"Speaker {n} of {count}" for n in range(count)]
        segments = [{"speaker": name[8], "start": 0, "end": 1, "text": "Hm."} for name in names]
        recording = make_recording(owner=alice)
        transcript = make_transcript(recording=recording, segments=segments)
        for row, name in zip(transcript.speakers.order_by("label"), names, strict=True):
            row.speaker = Speaker.objects.create(owner=alice, name=name)
            row.save()
        with CaptureQueriesContext(connection) as queries:
            page = console.get(f"/admin/recordings/recording/{recording.pk}/open/")
        for name in names:
            assert f'<td class="who">{name}</td>' in page.content.decode()
        costs.add(len(queries))
    assert len(costs) == 1
