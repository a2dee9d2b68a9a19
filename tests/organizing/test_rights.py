"""Who may do what to whose tags and folders, as one table, with the sentence of every refusal.

Alice owns the personal ones, Dana administers the group of the others, Bob is in it, Carol is a
stranger, Otto operates the server.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from organizing.models import Folder, Tag
from tests.factories import make_folder, make_tag

PEOPLE = ("alice", "bob", "carol", "dana", "otto")
TABLE = """
                        alice  bob  carol  dana  otto
tags    group  POST     403    403  403    201   403
tags    alice  PUT      200    403  403    403   403
tags    group  PUT      403    403  403    200   403
tags    alice  DELETE   200    403  403    403   403
tags    group  DELETE   403    403  403    200   403
folders group  POST     403    403  403    201   403
folders alice  GET      200    403  403    403   403
folders group  GET      200    200  403    200   403
folders alice  PUT      200    403  403    403   403
folders group  PUT      403    403  403    200   403
folders alice  PATCH    200    403  403    403   403
folders group  PATCH    403    403  403    200   403
folders alice  DELETE   200    403  403    403   403
folders group  DELETE   403    403  403    200   403
"""
SENTENCES = {
    "tags group POST": "Only group admins can create group tags",
    "tags alice PUT": "Permission denied",
    "tags group PUT": "Only group admins can edit group tags",
    "tags alice DELETE": "Permission denied",
    "tags group DELETE": "Only group admins can delete group tags",
    "folders group POST": "Only group admins can create group folders",
    "folders alice GET": "Permission denied",
    "folders group GET": "Permission denied",
    "folders alice PUT": "You do not have permission to edit this folder",
    "folders group PUT": "Only group admins can edit group folders",
    "folders alice PATCH": "You do not have permission to edit this folder",
    "folders group PATCH": "Only group admins can edit group folders",
    "folders alice DELETE": "You do not have permission to delete this folder",
    "folders group DELETE": "Only group admins can delete group folders",
}


def policy() -> dict[str, dict[str, int]]:
    header, *rows = TABLE.strip().splitlines()
    assert tuple(header.split()) == PEOPLE
    table = {}
    for row in rows:
        kind, whose, method, *statuses = row.split()
        table[f"{kind} {whose} {method}"] = dict(zip(PEOPLE, map(int, statuses), strict=True))
    return table


@pytest.fixture
def ids(alice: User, group: Group) -> dict[str, int]:
    return {
        "tags alice": make_tag(owner=alice).pk,
        "tags group": make_tag(group=group).pk,
        "folders alice": make_folder(owner=alice).pk,
        "folders group": make_folder(group=group).pk,
        "group": group.pk,
    }


def send(client: APIClient, row: str, ids: dict[str, int], **body: object) -> Response:
    kind, whose, method = row.split()
    if method == "POST":
        return client.post(f"/api/v1/{kind}", {"name": "New", "group_id": ids["group"], **body})
    url = f"/api/v1/{kind}/{ids[f'{kind} {whose}']}"
    if method in ("GET", "DELETE"):
        return client.generic(method, url)
    return getattr(client, method.lower())(url, {"name": "After", **body})


def names() -> list[str]:
    return sorted([*Tag.objects.values_list("name"), *Folder.objects.values_list("name")])


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("row", policy())
def test_the_table_holds(
    api: Callable[[User], APIClient],
    bob: User,
    dana: User,
    ids: dict[str, int],
    request: pytest.FixtureRequest,
    row: str,
    person: str,
) -> None:
    before = names()
    response = send(api(request.getfixturevalue(person)), row, ids)
    assert response.status_code == policy()[row][person]
    if response.status_code == 403:
        assert response.json() == {"error": SENTENCES[row]}
        assert names() == before


@pytest.mark.parametrize("row", [row for row in policy() if row.split()[2] in ("PUT", "PATCH")])
def test_a_right_that_is_missing_is_told_before_a_bad_body(
    api: Callable[[User], APIClient], ids: dict[str, int], carol: User, row: str
) -> None:
    response = send(api(carol), row, ids, color="red")
    assert (response.status_code, response.json()["error"]) == (403, SENTENCES[row])


@pytest.mark.parametrize("kind", ["tags", "folders"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET", "PATCH"])
def test_what_does_not_exist_is_not_found(client: APIClient, kind: str, method: str) -> None:
    response = client.generic(method, f"/api/v1/{kind}/999999", "[", "application/json")
    if kind == "tags" and method in ("GET", "PATCH"):
        assert response.status_code == 405
        assert set(response["Allow"].split(", ")) == {"PUT", "DELETE", "OPTIONS"}
        return
    assert response.status_code == 404
    assert response.json() == {"error": f"{kind[:-1].capitalize()} not found"}


@pytest.mark.parametrize("kind", ["tags", "folders"])
def test_an_unknown_group_is_nobodys_to_use(client: APIClient, kind: str) -> None:
    for group_id in (999999, -1, 2**63 - 1):
        response = client.post(f"/api/v1/{kind}", {"name": "New", "group_id": group_id})
        assert response.status_code == 403
        assert response.json() == {"error": SENTENCES[f"{kind} group POST"]}


def test_a_group_s_things_are_its_admins_not_their_maker_s(
    api: Callable[[User], APIClient], dana: User, group: Group
) -> None:
    client = api(dana)
    made = client.post("/api/v1/tags", {"name": "Ours", "group_id": group.pk}).json()
    Membership.objects.filter(user=dana).delete()
    assert client.put(f"/api/v1/tags/{made['id']}", {"name": "Mine"}).status_code == 403
    assert client.get("/api/v1/tags").json() == {"tags": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "tags"),
        ("POST", "tags"),
        ("PUT", "tags/1"),
        ("DELETE", "tags/1"),
        ("GET", "folders"),
        ("POST", "folders"),
        ("GET", "folders/1"),
        ("PATCH", "folders/1"),
        ("DELETE", "folders/1"),
    ],
)
def test_nobody_gets_in_without_a_token(
    api: Callable[[None], APIClient], method: str, path: str
) -> None:
    assert api(None).generic(method, f"/api/v1/{path}").status_code == 401
