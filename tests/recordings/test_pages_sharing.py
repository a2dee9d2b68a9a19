"""The page of what one shares by hand, by public link, and is given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from recordings.models import PublicLink, Share
from tests.accounts.pages import said
from tests.conftest import signed_in
from tests.factories import make_public_link, make_recording, make_share

pytestmark = pytest.mark.django_db

SHARING = "/account/sharing"


@pytest.fixture(autouse=True)
def _sharing_is_on(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True


@pytest.fixture
def shown() -> Callable[[User], str]:
    return lambda user: signed_in(user).get(SHARING).content.decode()


def test_each_sees_what_they_gave_and_what_they_got(
    shown: Callable[[User], str], alice: User, bob: User, carol: User
) -> None:
    make_share(recording=make_recording(owner=alice, title="Budget"), user=bob, can_edit=True)
    make_public_link(recording=make_recording(owner=alice, title="Speech"))
    assert "Budget" in shown(alice) and "bob may change it" in shown(alice)
    assert "Speech" in shown(alice) and "without a password" in shown(alice)
    assert "Budget" in shown(bob) and "alice lets you change it" in shown(bob)
    assert "Speech" not in shown(bob)
    assert "Budget" not in shown(carol) and "Speech" not in shown(carol)


def test_the_owner_takes_a_share_back(alice: User, bob: User) -> None:
    share = make_share(recording=make_recording(owner=alice, title="Budget"), user=bob)
    kept = make_share(recording=make_recording(owner=alice), user=bob)
    browser, path = signed_in(alice), f"{SHARING}/{share.pk}/end"
    assert "bob" in browser.get(path).content.decode()
    assert browser.post(path)["Location"] == SHARING
    assert list(Share.objects.all()) == [kept]
    assert said(browser, SHARING) == ["bob no longer has “Budget”."]
    assert browser.post(path).status_code == 404


def test_who_got_a_share_leaves_it(alice: User, bob: User) -> None:
    share = make_share(recording=make_recording(owner=alice, title="Budget"), user=bob)
    browser, path = signed_in(bob), f"{SHARING}/{share.pk}/end"
    assert browser.get(path).status_code == 200
    assert browser.post(path)["Location"] == SHARING
    assert not Share.objects.exists()
    assert said(browser, SHARING) == ["You have left “Budget”."]


def test_a_public_link_is_ended(alice: User) -> None:
    link = make_public_link(recording=make_recording(owner=alice, title="Speech"))
    browser, path = signed_in(alice), f"{SHARING}/links/{link.pk}/end"
    assert Client().get(f"/s/{link.token}").status_code == 200
    assert browser.get(path).status_code == 200
    assert browser.post(path)["Location"] == SHARING
    assert Client().get(f"/s/{link.token}").status_code == 404
    assert said(browser, SHARING) == ["The public link of “Speech” has ended."]


def test_what_others_give_each_other_can_neither_be_seen_nor_ended(
    alice: User, bob: User, carol: User, otto: User
) -> None:
    recording = make_recording(owner=alice)
    share, link = make_share(recording=recording, user=bob), make_public_link(recording=recording)
    for person, path in (
        (carol, f"{SHARING}/{share.pk}/end"),
        (otto, f"{SHARING}/{share.pk}/end"),
        (carol, f"{SHARING}/links/{link.pk}/end"),
        (bob, f"{SHARING}/links/{link.pk}/end"),
        (otto, f"{SHARING}/links/{link.pk}/end"),
    ):
        assert signed_in(person).get(path).status_code == 404
        assert signed_in(person).post(path).status_code == 404
    assert Share.objects.exists() and PublicLink.objects.exists()


def test_a_link_that_answers_nobody_is_marked(shown: Callable[[User], str], alice: User) -> None:
    make_public_link(recording=make_recording(owner=alice))
    assert "closed" not in shown(alice)
    PublicLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "closed" in shown(alice)


def test_while_sharing_is_switched_off_only_one_s_own_side_shows(
    shown: Callable[[User], str], alice: User, bob: User, settings: Any
) -> None:
    settings.ENABLE_INTERNAL_SHARING = False
    share = make_share(recording=make_recording(owner=alice, title="Budget"), user=bob)
    assert "switched off" in shown(alice) and "Budget" in shown(alice)
    assert "Budget" not in shown(bob)
    assert signed_in(bob).get(f"{SHARING}/{share.pk}/end").status_code == 404
    assert signed_in(alice).post(f"{SHARING}/{share.pk}/end").status_code == 302
    assert not Share.objects.exists()


def test_more_of_them_cost_no_more_queries(
    alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    browser = signed_in(alice)
    for number in range(3):
        recording = make_recording(owner=alice, title=f"of Alice {number}")
        make_share(recording=recording, user=bob)
        make_public_link(recording=recording)
        make_share(recording=make_recording(owner=bob, title=f"of Bob {number}"), user=alice)
    # Session, person, given, received, links, which of those are open.
    with django_assert_num_queries(6):
        assert browser.get(SHARING).content.decode().count('<li class="row">') == 9
