"""GET /recordings?scope=own|shared|all: whose recordings are listed, and that filters look at what
is the caller's (http-contract.md, 0.1.11, 0.1.19, section 4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from constance import config
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Group, User
from recordings.models import Recording, ViewerState
from tests.factories import make_folder, make_recording, make_share, make_tag

pytestmark = pytest.mark.django_db

Client = Callable[[User], APIClient]
LIST = "/api/v1/recordings"
SCOPES = ("own", "shared", "all")


@pytest.fixture(autouse=True)
def _sharing(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True


def shared(owner: User, *users: User, **columns: Any) -> Recording:
    recording = make_recording(owner=owner, **columns)
    for user in users:
        make_share(recording=recording, user=user)
    return recording


def titles(client: APIClient, **query: Any) -> list[str]:
    """Oldest first; the count of the answer is checked."""
    response = client.get(LIST, {"sort_order": "asc", **query})
    assert response.status_code == 200, response.content
    body = response.json()
    assert body["pagination"]["total"] == len(body["recordings"])
    return [row["title"] for row in body["recordings"]]


def in_each_scope(client: APIClient, **query: Any) -> dict[str, list[str]]:
    return {scope: titles(client, scope=scope, **query) for scope in SCOPES}


class TestWhose:
    @pytest.fixture
    def _three(self, alice: User, bob: User, carol: User) -> None:
        shared(alice, title="alice's")
        shared(carol, alice, title="from carol")
        shared(carol, bob, title="for bob")

    @pytest.mark.usefixtures("_three")
    def test_one_s_own_and_those_of_others_are_listed_apart_or_together(
        self, client: APIClient
    ) -> None:
        expected = {
            "own": ["alice's"],
            "shared": ["from carol"],
            "all": ["alice's", "from carol"],
        }
        assert in_each_scope(client) == expected
        assert titles(client, scope=" SHARED ") == ["from carol"]

    @pytest.mark.usefixtures("_three")
    def test_without_a_scope_there_are_one_s_own(self, client: APIClient) -> None:
        assert titles(client) == ["alice's"]

    @pytest.mark.parametrize("scope", ["", "  ", "mine", "user", "own,shared", "all\0"])
    def test_an_unknown_scope_is_refused_and_so_is_an_empty_one(
        self, client: APIClient, scope: str
    ) -> None:
        response = client.get(LIST, {"scope": scope})
        assert response.status_code == 400
        assert response.json()["error"] == "scope must be one of own, shared, all"

    @pytest.mark.usefixtures("_three")
    def test_while_sharing_is_off_there_are_only_one_s_own(
        self, client: APIClient, settings: Any
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = False
        assert in_each_scope(client) == {"own": ["alice's"], "shared": [], "all": ["alice's"]}

    @pytest.mark.usefixtures("_three")
    def test_an_operator_has_no_part_in_others(self, api: Client, otto: User) -> None:
        assert in_each_scope(api(otto)) == {scope: [] for scope in SCOPES}

    def test_what_a_group_opens_is_shared_with_the_others_and_stays_one_s_own(
        self, api: Client, alice: User, bob: User, group: Group
    ) -> None:
        recording = make_recording(owner=alice, title="alice's")
        Recording.objects.update(completed_at=recording.created_at)
        team = make_tag(group=group, name="Team", auto_share_on_apply=True)
        recording.tag_links.create(tag=team, position=0)
        make_share(recording=recording, user=bob)
        assert in_each_scope(api(alice)) == {"own": ["alice's"], "shared": [], "all": ["alice's"]}
        assert in_each_scope(api(bob)) == {"own": [], "shared": ["alice's"], "all": ["alice's"]}

    @pytest.mark.parametrize("scope", SCOPES)
    def test_whose_it_is_stands_on_others_alone(
        self, client: APIClient, alice: User, carol: User, scope: str
    ) -> None:
        shared(alice)
        shared(carol, alice)
        rows = client.get(LIST, {"scope": scope}).json()["recordings"]
        foreign = [row for row in rows if "shared_by" in row or "can_edit" in row]
        assert len(rows) - len(foreign) == (scope != "shared")
        expected = [] if scope == "own" else [("carol", False)]
        assert [(row["shared_by"], row["can_edit"]) for row in foreign] == expected


class TestFilters:
    def test_inbox_and_starred_are_the_caller_s(
        self, client: APIClient, alice: User, carol: User
    ) -> None:
        """The owner has all of hers out of the inbox and starred."""
        flags = {"is_inbox": False, "is_highlighted": True}
        shared(carol, alice, title="untouched", **flags)
        rows = {title: shared(carol, alice, title=title, **flags) for title in ("done", "starred")}
        for title, recording in rows.items():
            ViewerState.objects.create(
                recording=recording,
                user=alice,
                is_inbox=title != "done",
                is_highlighted=title == "starred",
            )
            # What others keep is no matter.
            ViewerState.objects.create(
                recording=recording, user=carol, is_inbox=False, is_highlighted=True
            )
        shared(alice, title="own", **flags)
        found = {
            name: [in_each_scope(client, **{name: value}) for value in ("yes", "no")]
            for name in ("inbox", "starred")
        }
        assert [each["own"] for each in found["inbox"]] == [[], ["own"]]
        assert [each["shared"] for each in found["inbox"]] == [["untouched", "starred"], ["done"]]
        assert [each["all"] for each in found["inbox"]] == [
            ["untouched", "starred"],
            ["done", "own"],
        ]
        assert [each["own"] for each in found["starred"]] == [["own"], []]
        assert [each["shared"] for each in found["starred"]] == [["starred"], ["untouched", "done"]]
        assert [each["all"] for each in found["starred"]] == [
            ["starred", "own"],
            ["untouched", "done"],
        ]
        assert titles(client, scope="all", inbox="yes", starred="yes") == ["starred"]

    def test_a_tag_is_found_by_those_who_may_use_it(
        self, api: Client, alice: User, bob: User, carol: User, group: Group
    ) -> None:
        tags = {
            "private": make_tag(owner=carol, name="Private"),
            "team": make_tag(group=group, name="Team"),
            "note": make_tag(owner=bob, name="Note"),
        }
        recording = shared(carol, alice, bob, title="carol's")
        for position, tag in enumerate(tags.values()):
            recording.tag_links.create(tag=tag, position=position)

        def found(user: User) -> set[str]:
            client = api(user)
            return {
                name for name, tag in tags.items() if titles(client, scope="all", tag_id=tag.pk)
            }

        assert found(alice) == {"team"}
        assert found(bob) == {"team", "note"}

    def test_a_folder_that_the_caller_may_not_know_is_none(
        self, api: Client, alice: User, bob: User, carol: User, group: Group
    ) -> None:
        config.enable_folders = True
        private, team = make_folder(owner=carol), make_folder(group=group, name="Team")
        shared(carol, alice, title="private", folder=private)
        shared(carol, alice, title="team", folder=team)
        shared(carol, alice, title="unfiled")
        shared(bob, alice, title="bob's", folder=team)
        shared(alice, title="own", folder=team)
        client = api(alice)
        unfiled = ["private", "unfiled"]
        assert in_each_scope(client, folder_id="none") == {
            "own": [],
            "shared": unfiled,
            "all": unfiled,
        }
        assert in_each_scope(client, folder_id=private.pk) == {scope: [] for scope in SCOPES}
        assert in_each_scope(client, folder_id=team.pk) == {
            "own": ["own"],
            "shared": ["team", "bob's"],
            "all": ["team", "bob's", "own"],
        }
        listed = client.get(LIST, {"scope": "all", "folder_id": "none"}).json()["recordings"]
        assert {row["folder_id"] for row in listed} == {None}

    def test_who_left_the_group_finds_their_own_in_its_folder_and_no_others(
        self, client: APIClient, alice: User, bob: User, group: Group
    ) -> None:
        config.enable_folders = True
        team = make_folder(group=group)
        shared(alice, title="own", folder=team)
        shared(bob, alice, title="bob's", folder=team)
        alice.memberships.all().delete()
        assert titles(client, scope="all", folder_id=team.pk) == ["own"]
        assert titles(client, scope="all", folder_id="none") == ["bob's"]

    def test_all_other_filters_and_orders_work_on_others_too(
        self, client: APIClient, alice: User, carol: User
    ) -> None:
        shared(carol, alice, title="Plan B", size_bytes=1)
        shared(alice, title="Plan A", size_bytes=2)
        shared(carol, alice, title="Plan C", status="FAILED", size_bytes=3)
        shared(carol, title="Plan D")
        query = {"scope": "all", "q": "plan"}
        assert titles(client, **query) == ["Plan B", "Plan A", "Plan C"]
        assert titles(client, **query, sort_by="title") == ["Plan A", "Plan B", "Plan C"]
        assert titles(client, **query, status="failed") == ["Plan C"]
        pages = [
            client.get(LIST, {**query, "sort_by": "file_size", "per_page": 2, "page": page}).json()
            for page in (1, 2)
        ]
        assert [[row["title"] for row in page["recordings"]] for page in pages] == [
            ["Plan C", "Plan A"],
            ["Plan B"],
        ]
        assert pages[0]["pagination"]["total"] == 3


class TestCosts:
    def test_others_cost_one_query_more_however_many_there_are(
        self, client: APIClient, alice: User, bob: User, carol: User, group: Group
    ) -> None:
        config.enable_folders = True
        team, tag = make_folder(group=group), make_tag(group=group)

        def queries(**query: str) -> list[str]:
            with CaptureQueriesContext(connection) as captured:
                response = client.get(LIST, {"per_page": 100, **query})
            assert response.status_code == 200
            return [entry["sql"] for entry in captured]

        def make(count: int) -> None:
            for owner in (alice, bob, carol) * count:
                made = shared(owner, *({alice} - {owner}), folder=team)
                made.tag_links.create(tag=tag, position=0)

        make(1)
        few = {scope: queries(scope=scope) for scope in SCOPES}
        make(10)
        many = {scope: queries(scope=scope) for scope in SCOPES}
        # Settings, count, rows, tags, folders; which folders are known, and what of others' is the
        # caller's.
        counts = {"own": 5, "shared": 7, "all": 7}
        assert {scope: len(sql) for scope, sql in few.items()} == counts
        assert {scope: len(sql) for scope, sql in many.items()} == counts
        assert '"notes"' not in " ".join(many["all"])

    @pytest.mark.parametrize(
        "query", [{}, {"inbox": "yes"}, {"starred": "no"}, {"folder_id": "none"}, {"q": "plan"}]
    )
    def test_a_list_of_one_s_own_knows_nothing_of_sharing(
        self, client: APIClient, alice: User, query: dict[str, str]
    ) -> None:
        config.enable_folders = True
        shared(alice)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST, query).status_code == 200
        sql = " ".join(entry["sql"] for entry in captured)
        assert "recordings_share" not in sql
        assert "recordings_viewerstate" not in sql
