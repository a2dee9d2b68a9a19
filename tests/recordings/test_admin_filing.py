"""Tags and folders on the console's pages for recordings."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Group, User
from recordings.models import Recording
from tests.factories import make_folder, make_recording, make_tag
from tests.recordings.console import change_page

RECORDINGS = reverse("admin:recordings_recording_changelist")

pytestmark = pytest.mark.django_db


def filed(owner: User, *names: str, folder: str | None = None) -> Recording:
    """With new tags of these names, in this order, in a new folder."""
    place = make_folder(owner=owner, name=folder) if folder else None
    recording = make_recording(owner=owner, folder=place)
    for position, name in enumerate(names):
        recording.tag_links.create(tag=make_tag(owner=owner, name=name), position=position)
    return recording


def found(console: Client, **query: Any) -> list[int]:
    answer = console.get(RECORDINGS, query)
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.mark.parametrize("page", ["list", "form"])
def test_folder_and_tags_are_shown_in_their_order_and_lead_to_their_like(
    console: Client, alice: User, page: str
) -> None:
    recording = filed(alice, "<b>z</b>", "a", folder="Clients & co")
    filed(alice, "other", folder="Other")
    url = RECORDINGS if page == "list" else change_page(recording)
    text = console.get(url).content.decode()
    places = [text.index(name) for name in ("Clients &amp; co<", "&lt;b&gt;z&lt;/b&gt;<", ">a<")]
    assert places == sorted(places)
    first = recording.tag_links.get(position=0).tag_id
    for query in ({"folder__id__exact": recording.folder_id}, {"tags__id__exact": first}):
        ((name, value),) = query.items()
        assert f'href="{RECORDINGS}?{name}={value}"' in text
        assert found(console, **query) == [recording.pk]


def test_recordings_are_found_by_the_name_of_a_tag_or_folder(console: Client, alice: User) -> None:
    recording = filed(alice, "Budget", "Budget 2026", folder="Clients")
    filed(alice, "Holidays", folder="Home")
    assert found(console, q="budget") == [recording.pk]
    assert found(console, q="clients") == [recording.pk]


def test_recordings_are_parted_by_whether_they_are_in_a_folder(
    console: Client, alice: User
) -> None:
    inside, outside = filed(alice, folder="Clients"), filed(alice)
    assert found(console, folder__isempty=0) == [inside.pk]
    assert found(console, folder__isempty=1) == [outside.pk]


def test_a_list_costs_the_same_however_much_is_filed(
    console: Client, alice: User, group: Group
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            console.get(RECORDINGS)
        return len(captured)

    filed(alice, "one", folder="one")
    few = queries()
    for number in range(10):
        filed(alice, *(f"{number} {letter}" for letter in "abc"), folder=str(number))
    assert queries() == few


@pytest.mark.parametrize("lookup", ["folder__custom_prompt", "tags__custom_prompt"])
def test_no_address_asks_what_a_prompt_holds(console: Client, alice: User, lookup: str) -> None:
    filed(alice, "one", folder="one")
    assert console.get(RECORDINGS, {f"{lookup}__icontains": "e"}).status_code == 400
