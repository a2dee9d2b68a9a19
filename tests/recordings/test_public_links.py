"""Opening, changing and closing public links: what the services write, and who may ask them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.utils import timezone

from accounts.models import User
from recordings.models import PublicLink, Recording
from recordings.models.sharing import new_link_token
from recordings.services.public_links import public_link_of, publish, unpublish
from speakr_site.core.errors import FeatureDisabled, InvalidInput, NotAllowed, NotFound
from speakr_site.core.models import AuditEntry
from tests.factories import make_public_link, make_recording

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def recording(alice: User) -> Recording:
    return make_recording(owner=alice)


def trail() -> list[tuple[str, str, str, int, str]]:
    columns = ("actor__username", "action", "object_type", "object_id", "detail")
    return list(AuditEntry.objects.order_by("id").values_list(*columns))


def test_each_act_leaves_a_row_that_tells_what_is_open_and_not_where(
    recording: Recording, alice: User
) -> None:
    publish(recording=recording, by=alice, changes={})
    moment = datetime(2999, 1, 15, 10, 30, tzinfo=UTC)
    changes = {"share_notes": True, "expires_at": moment, "password": "sesame"}
    link, _ = publish(recording=recording, by=alice, changes=changes)
    unpublish(recording=recording, by=alice)
    row = ("alice", "recordings.recording", recording.pk)
    closed = "with summary, with notes, with password, until 2999-01-15 10:30 UTC"
    opened = "with summary, without notes, without password, without end"
    assert trail() == [
        (row[0], "link.open", *row[1:], opened),
        (row[0], "link.change", *row[1:], closed),
        (row[0], "link.close", *row[1:], closed),
    ]
    assert link.token not in str(trail())


def test_what_changes_nothing_leaves_no_row(recording: Recording, alice: User) -> None:
    publish(recording=recording, by=alice, changes={"share_notes": True})
    publish(recording=recording, by=alice, changes={"share_notes": True, "password": None})
    publish(recording=recording, by=alice, changes={})
    unpublish(recording=recording, by=alice)
    unpublish(recording=recording, by=alice)
    assert [row[1] for row in trail()] == ["link.open", "link.close"]


def test_a_password_is_hashed_as_log_ins_are(recording: Recording, alice: User) -> None:
    link, _ = publish(recording=recording, by=alice, changes={"password": "sesame"})
    assert check_password("sesame", link.password)
    kept = link.password
    link, _ = publish(recording=recording, by=alice, changes={"share_notes": True})
    assert link.password == kept
    link, _ = publish(recording=recording, by=alice, changes={"password": "sesame"})
    assert link.password != kept


def test_only_the_owner_is_served(recording: Recording, carol: User, alice: User) -> None:
    make_public_link(recording=recording)
    for act in (public_link_of, unpublish):
        with pytest.raises(NotAllowed):
            act(recording=recording, by=carol)
    with pytest.raises(NotAllowed):
        publish(recording=recording, by=carol, changes={})
    assert public_link_of(recording=recording, by=alice)


def test_the_switch_and_the_right_are_asked_for_each_time(
    recording: Recording, alice: User, settings: Any
) -> None:
    publish(recording=recording, by=alice, changes={})
    settings.ENABLE_PUBLIC_SHARING = False
    with pytest.raises(FeatureDisabled):
        publish(recording=recording, by=alice, changes={})
    settings.ENABLE_PUBLIC_SHARING = True
    alice.can_share_publicly = False
    with pytest.raises(NotAllowed):
        public_link_of(recording=recording, by=alice)


def test_a_moment_that_has_passed_is_refused(recording: Recording, alice: User) -> None:
    with pytest.raises(InvalidInput, match="future"):
        publish(recording=recording, by=alice, changes={"expires_at": timezone.now()})


def test_a_recording_that_is_gone_gets_no_link(recording: Recording, alice: User) -> None:
    Recording.objects.all().delete()
    with pytest.raises(NotFound):
        publish(recording=recording, by=alice, changes={})
    unpublish(recording=recording, by=alice)


def test_tokens_hold_128_random_bits_and_fit_an_address() -> None:
    tokens = {new_link_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {22}


@pytest.mark.parametrize(
    ("columns", "answers"),
    [
        ({}, True),
        ({"expires_at": NOW + timedelta(seconds=1)}, True),
        ({"expires_at": NOW}, False),
        ({"expires_at": NOW - timedelta(days=1)}, False),
    ],
)
def test_a_link_answers_until_its_end(
    recording: Recording, columns: dict[str, Any], *, answers: bool
) -> None:
    make_public_link(recording=recording, **columns)
    assert PublicLink.objects.open_at(NOW).exists() is answers


@pytest.mark.parametrize("column", ["is_active", "can_share_publicly"])
def test_a_link_answers_while_its_owner_may_share(
    recording: Recording, alice: User, column: str
) -> None:
    make_public_link(recording=recording)
    assert PublicLink.objects.open_at(NOW).exists()
    User.objects.filter(pk=alice.pk).update(**{column: False})
    assert not PublicLink.objects.open_at(NOW).exists()


def test_no_link_answers_while_public_sharing_is_switched_off(
    recording: Recording, settings: Any
) -> None:
    make_public_link(recording=recording)
    settings.ENABLE_PUBLIC_SHARING = False
    assert not PublicLink.objects.open_at(NOW).exists()
