"""GET /users/me, as the contract's section 7 has it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rest_framework.test import APIClient

from accounts.models import Group, Membership, User

ME = "/api/v1/users/me"


def test_a_newcomer_sees_every_key_with_its_default(
    alice: User, api: Callable[[User], APIClient]
) -> None:
    assert api(alice).get(ME).json() == {
        "id": alice.pk,
        "username": "alice",
        "email": "alice@example.com",
        "name": None,
        "job_title": None,
        "company": None,
        "is_admin": False,
        "email_verified": False,
        "sso_provider": None,
        "can_share_publicly": True,
        "preferences": {
            "ui_language": "en",
            "timezone": "UTC",
            "transcription_language": None,
            "output_language": None,
            "extract_events": False,
            "auto_speaker_labelling": False,
            "auto_speaker_labelling_threshold": 0.6,
            "auto_summarization": True,
            "show_timestamps_simple_view": False,
            "editor_autosave": False,
            "diarize": False,
        },
        "group_memberships": [],
    }


def test_groups_come_with_role_and_date(alice: User, api: Callable[[User], APIClient]) -> None:
    group = Group.objects.create(name="Engineering")
    Membership.objects.create(group=group, user=alice, role=Membership.Role.ADMIN)
    Membership.objects.update(joined_at=datetime(2024, 1, 10, 8, 0, 0, 5, tzinfo=UTC))
    assert api(alice).get(ME).json()["group_memberships"] == [
        {
            "group_id": group.pk,
            "group_name": "Engineering",
            "role": "admin",
            "joined_at": "2024-01-10T08:00:00Z",
        }
    ]


def test_an_operator_is_said_to_be_one(otto: User, api: Callable[[User], APIClient]) -> None:
    assert api(otto).get(ME).json()["is_admin"] is True


def test_the_servers_time_zone_stands_in_for_a_missing_one(
    alice: User, api: Callable[[User], APIClient], settings: Any
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    assert api(alice).get(ME).json()["preferences"]["timezone"] == "Asia/Tokyo"
    User.objects.update(timezone="Europe/Berlin")
    alice.refresh_from_db()
    assert api(alice).get(ME).json()["preferences"]["timezone"] == "Europe/Berlin"


def test_many_groups_cost_no_more_queries_than_one(
    alice: User, api: Callable[[User], APIClient], django_assert_num_queries: Any
) -> None:
    for number in range(10):
        group = Group.objects.create(name=f"Group {9 - number}")
        Membership.objects.create(group=group, user=alice)
    with django_assert_num_queries(1):
        groups = api(alice).get(ME).json()["group_memberships"]
    assert [group["group_name"] for group in groups] == [f"Group {n}" for n in range(10)]


def test_it_can_only_be_read(alice: User, api: Callable[[User], APIClient]) -> None:
    for method in ("post", "put", "delete"):
        assert getattr(api(alice), method)(ME).status_code == 405
