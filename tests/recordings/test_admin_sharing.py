"""The console's pages for shares and public links, and what a recording's page says of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Group, User
from recordings.models import PublicLink, Recording, RecordingTag, Share, ViewerState
from speakr_site.core.models import AuditEntry
from tests.conftest import Api, make_user, signed_in
from tests.factories import (
    make_folder,
    make_public_link,
    make_recording,
    make_share,
    make_tag,
    make_transcript,
)
from tests.recordings.console import SECRETS, act, change_page, trail

SHARES = reverse("admin:recordings_share_changelist")
LINKS = reverse("admin:recordings_publiclink_changelist")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _sharing_is_on(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True
    settings.ENABLE_PUBLIC_SHARING = True


@pytest.fixture
def share(recording: Recording, carol: User) -> Share:
    return make_share(recording=recording, user=carol)


@pytest.fixture
def link(recording: Recording) -> PublicLink:
    return make_public_link(recording=recording, password="md5$salt$hash")


def page_of(row: Model, page: str = "change") -> str:
    return reverse(f"admin:recordings_{row._meta.model_name}_{page}", args=[row.pk])


def text(client: Client, url: str, **query: Any) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.content.decode()


def found(client: Client, url: str, **query: Any) -> list[int]:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


class TestLooking:
    def test_shares_are_listed_with_both_people(self, console: Client, share: Share) -> None:
        for url in (SHARES, page_of(share)):
            page = text(console, url)
            for said in ("Factory &lt;b&gt;talk&lt;/b&gt;", "alice", "carol"):
                assert said in page
            assert not any(secret in page for secret in SECRETS)

    @pytest.mark.parametrize("words", ["factory", "alice", "carol", "carol@example.com"])
    def test_a_share_is_found_by_title_and_people(
        self, console: Client, share: Share, bob: User, dana: User, words: str
    ) -> None:
        make_share(recording=make_recording(owner=bob, title="Other"), user=dana)
        assert found(console, SHARES, q=words) == [share.pk]

    def test_a_link_is_listed_without_its_address(
        self, console: Client, link: PublicLink, recording: Recording
    ) -> None:
        pages = [LINKS, page_of(link), page_of(link, "delete"), change_page(recording)]
        for url in pages:
            page = text(console, url)
            assert "Factory &lt;b&gt;talk&lt;/b&gt;" in page
            for secret in (*SECRETS, link.token, link.token[:8], "/s/", link.password):
                assert secret not in page

    @pytest.mark.parametrize("column", ["token", "password"])
    @pytest.mark.parametrize("how", ["", "__startswith", "__gt", "__regex", "__isnull"])
    def test_no_address_asks_for_a_secret(
        self, console: Client, link: PublicLink, column: str, how: str
    ) -> None:
        assert console.get(LINKS, {f"{column}{how}": "a"}).status_code == 400
        assert console.get(LINKS, {"_to_field": column}).status_code == 400
        other = f"recording__public_link__{column}{how}"
        assert console.get(SHARES, {other: "a"}).status_code == 400

    @pytest.mark.parametrize("url", [LINKS, SHARES])
    @pytest.mark.parametrize("column", ["notes", "summary"])
    def test_no_address_asks_for_content(
        self, console: Client, link: PublicLink, share: Share, url: str, column: str
    ) -> None:
        query = {f"recording__{column}__icontains": "e"}
        assert console.get(url, query).status_code == 400

    def test_whether_a_link_answers_is_said(
        self, console: Client, link: PublicLink, alice: User, settings: Any
    ) -> None:
        def answers() -> bool:
            (row,) = console.get(LINKS).context["cl"].result_list
            said = "Open to whoever has its address" in text(console, change_page(link.recording))
            assert said is bool(row.is_open)
            return said

        assert answers()
        settings.ENABLE_PUBLIC_SHARING = False
        assert not answers()
        settings.ENABLE_PUBLIC_SHARING = True
        User.objects.filter(pk=alice.pk).update(can_share_publicly=False)
        assert not answers()
        User.objects.filter(pk=alice.pk).update(can_share_publicly=True)
        PublicLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert not answers()

    @pytest.mark.parametrize("url", [LINKS, SHARES])
    def test_a_list_costs_the_same_for_one_row_and_twenty(self, console: Client, url: str) -> None:
        def queries(rows: int) -> int:
            for _ in range(rows):
                number = Recording.objects.count()
                recording = make_recording(owner=make_user(f"owner{number}"))
                make_share(recording=recording, user=make_user(f"user{number}"))
                make_public_link(recording=recording)
            with CaptureQueriesContext(connection) as captured:
                assert console.get(url).status_code == 200
            assert not any('"notes"' in query["sql"] for query in captured)
            assert not any('"token"' in query["sql"] for query in captured)
            return len(captured)

        queries(1)
        assert queries(0) == queries(19)


class TestRecordingPage:
    def test_it_says_who_has_access_and_why(
        self, console: Client, recording: Recording, share: Share, dana: User, group: Group
    ) -> None:
        make_share(recording=recording, user=dana)
        tag = make_tag(group=group, name="<i>Plan</i>")
        RecordingTag.objects.create(recording=recording, tag=tag, position=0)
        folder = make_folder(group=group, auto_share_on_apply=False)
        Recording.objects.update(folder=folder, completed_at=timezone.now())
        page = text(console, change_page(recording))
        lines = [
            "carol may read it: given by the owner",
            "dana may read it: given by the owner",
            "dana may read and change it: by the tag &lt;i&gt;Plan&lt;/i&gt; of Engineering",
            "dana may read and change it: by the folder Clients of Engineering",
        ]
        places = [page.index(line) for line in lines]
        assert places == sorted(places)
        assert "alice may" not in page
        assert trail() == []

    def test_it_says_nothing_of_what_there_is_not(
        self, console: Client, recording: Recording, carol: User
    ) -> None:
        make_public_link(recording=make_recording(owner=carol))
        page = text(console, change_page(recording))
        assert "may read" not in page
        assert "whoever has its address" not in page


class TestEnding:
    def test_a_share_is_ended_with_an_audit_row(
        self, console: Client, api: Api, share: Share, carol: User
    ) -> None:
        url = page_of(share, "delete")
        assert "Factory &lt;b&gt;talk&lt;/b&gt; of alice, shared with carol" in text(console, url)
        assert console.post(url, {"post": "yes"}).status_code == 302
        assert not Share.objects.exists()
        assert trail() == [("otto", "share.end", share.recording_id)]
        path = f"/api/v1/recordings/{share.recording_id}"
        assert api(carol).get(path).status_code == 403

    def test_a_link_is_closed_with_an_audit_row(self, console: Client, link: PublicLink) -> None:
        answer = console.post(page_of(link, "delete"), {"post": "yes"})
        assert answer.status_code == 302
        assert not PublicLink.objects.exists()
        assert Recording.objects.exists()
        assert trail() == [("otto", "link.close", link.recording_id)]
        assert link.token not in AuditEntry.objects.get().detail

    def test_many_end_with_an_audit_row_each(
        self, console: Client, share: Share, link: PublicLink, bob: User
    ) -> None:
        shares = [share, make_share(recording=share.recording, user=bob, can_edit=True)]
        act(console, SHARES, "delete_selected", *shares)
        assert Share.objects.count() == 2
        act(console, SHARES, "delete_selected", *shares, post="yes")
        act(console, LINKS, "delete_selected", link, post="yes")
        assert not Share.objects.exists()
        assert not PublicLink.objects.exists()
        assert sorted(action for _, action, _ in trail()) == ["link.close"] + ["share.end"] * 2

    @pytest.mark.parametrize("kind", ["share", "publiclink"])
    def test_nothing_is_added_or_changed(
        self, console: Client, share: Share, link: PublicLink, kind: str
    ) -> None:
        row = share if kind == "share" else link
        assert console.get(reverse(f"admin:recordings_{kind}_add")).status_code == 403
        form = {"can_edit": "on", "share_notes": "on", "user": share.user_id}
        assert console.post(page_of(row), form).status_code == 403
        row.refresh_from_db()
        assert not getattr(row, "can_edit", False)
        assert not getattr(row, "share_notes", False)

    def test_staff_without_the_right_end_nothing(
        self, clerk: User, share: Share, link: PublicLink
    ) -> None:
        rights = Permission.objects.filter(codename__in=("view_share", "view_publiclink"))
        clerk.user_permissions.set(rights)
        client = signed_in(clerk)
        for row, url in ((share, SHARES), (link, LINKS)):
            assert client.get(url).status_code == 200
            assert client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
            act(client, url, "delete_selected", row, post="yes")
        assert Share.objects.exists()
        assert PublicLink.objects.exists()


class TestDeleting:
    def test_a_person_goes_with_what_was_shared_with_them(
        self, console: Client, share: Share, carol: User
    ) -> None:
        ViewerState.objects.create(recording=share.recording, user=carol, notes=SECRETS[2])
        url = reverse("admin:accounts_user_delete", args=[carol.pk])
        page = text(console, url)
        assert not any(secret in page for secret in SECRETS)
        assert console.post(url, {"post": "yes"}).status_code == 302
        assert not User.objects.filter(username="carol").exists()
        assert not Share.objects.exists()
        assert not ViewerState.objects.exists()
        assert Recording.objects.exists()

    def test_a_person_who_owns_recordings_stays_with_their_shares(
        self, console: Client, share: Share, link: PublicLink, alice: User
    ) -> None:
        url = reverse("admin:accounts_user_delete", args=[alice.pk])
        console.post(url, {"post": "yes"})
        assert User.objects.filter(pk=alice.pk).exists()
        assert list(Share.objects.all()) == [share]

    def test_a_group_takes_along_what_it_gave_and_nothing_else(
        self, console: Client, api: Api, recording: Recording, bob: User, dana: User, group: Group
    ) -> None:
        make_share(recording=recording, user=dana)
        tag = make_tag(group=group)
        RecordingTag.objects.create(recording=recording, tag=tag, position=0)
        Recording.objects.update(folder=make_folder(group=group), completed_at=timezone.now())
        path = f"/api/v1/recordings/{recording.pk}"
        assert api(bob).get(path).status_code == 200
        url = reverse("admin:accounts_group_delete", args=[group.pk])
        assert console.post(url, {"post": "yes"}).status_code == 302
        assert api(bob).get(path).status_code == 403
        assert api(dana).get(path).status_code == 200
        assert "of Engineering" not in text(console, change_page(recording))

    def test_a_recording_takes_along_all_that_opened_it(
        self, console: Client, share: Share, link: PublicLink, carol: User
    ) -> None:
        make_transcript(recording=share.recording)
        ViewerState.objects.create(recording=share.recording, user=carol)
        url = page_of(share.recording, "delete")
        assert console.post(url, {"post": "yes"}).status_code == 302
        for model in (Recording, Share, PublicLink, ViewerState):
            assert not model.objects.exists()
