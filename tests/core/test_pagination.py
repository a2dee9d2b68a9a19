"""Pages: lenient in, exact out."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.models import Group
from speakr_site.core.api.pagination import pages_of


def ask(**query: str) -> dict[str, Any]:
    paginator = pages_of("groups")()
    request = Request(APIRequestFactory().get("/x", query))
    rows = paginator.paginate_queryset(Group.objects.all(), request)
    return paginator.get_paginated_response([row.name for row in rows]).data


@pytest.fixture
def groups(db: None) -> None:
    Group.objects.bulk_create(Group(name=f"{number:02}") for number in range(30))


def test_a_page_holds_its_rows_and_says_where_it_is(groups: None) -> None:
    assert ask(page="2", per_page="12") == {
        "groups": [f"{number:02}" for number in range(12, 24)],
        "pagination": {
            "page": 2,
            "per_page": 12,
            "total": 30,
            "total_pages": 3,
            "has_next": True,
            "has_prev": True,
        },
    }


def test_all_pages_together_are_the_list(groups: None) -> None:
    pages = [ask(page=str(number), per_page="7")["groups"] for number in range(1, 6)]
    assert sum(pages, []) == [f"{number:02}" for number in range(30)]


@pytest.mark.parametrize("page", ["3", "1000", str(2**64), "9" * 18])
def test_past_the_end_is_an_empty_page_that_echoes_its_number(groups: None, page: str) -> None:
    answer = ask(page=page)
    assert answer["groups"] == []
    assert answer["pagination"]["has_prev"] is True
    assert answer["pagination"]["has_next"] is False
    assert answer["pagination"]["page"] == int(page)


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "1.5", "²", "\x00", "9" * 5000])
def test_nonsense_gives_the_defaults(groups: None, text: str) -> None:
    answer = ask(page=text, per_page=text)
    assert (answer["pagination"]["page"], answer["pagination"]["per_page"]) == (1, 25)


def test_a_page_has_at_most_a_hundred_rows(groups: None) -> None:
    assert ask(per_page="101")["pagination"]["per_page"] == 100
    assert ask(per_page=str(10**17))["pagination"]["per_page"] == 100


def test_no_rows_make_no_pages(db: None) -> None:
    assert ask() == {
        "groups": [],
        "pagination": {
            "page": 1,
            "per_page": 25,
            "total": 0,
            "total_pages": 0,
            "has_next": False,
            "has_prev": False,
        },
    }
