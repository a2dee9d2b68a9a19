"""The console's pages for people and tokens, as a browser without scripts meets them."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group as DjangoGroup
from django.test import Client

from accounts.models import ApiToken, Group, Membership, User
from accounts.services import issue_token
from speakr_site.core.models import AuditEntry
from tests.factories import make_recording

PASSWORD = "correct horse battery"


def user_form(client: Client, user: User, **changes: Any) -> dict[str, Any]:
    """The change form's own values, as a browser would send them back."""
    form = client.get(f"/admin/accounts/user/{user.pk}/change/").context["adminform"].form
    values = {name: form[name].value() for name in form.fields if name != "password"}
    kept = {key: value for key, value in values.items() if value not in (None, False)}
    inline = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    return {**kept, **inline, **changes}


def test_a_person_is_added_and_can_log_in(console: Client) -> None:
    response = console.post(
        "/admin/accounts/user/add/",
        {
            "username": "erin",
            "email": "erin@example.com",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    assert response.status_code == 302
    assert User.objects.get(username="erin").check_password(PASSWORD)


def test_an_e_mail_in_other_letters_is_taken_all_the_same(console: Client, alice: User) -> None:
    response = console.post(
        "/admin/accounts/user/add/",
        {
            "username": "erin",
            "email": "ALICE@example.com",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    assert response.status_code == 200
    assert "A user with that e-mail exists already." in response.content.decode()


def test_a_person_is_changed(console: Client, alice: User) -> None:
    path = f"/admin/accounts/user/{alice.pk}/change/"
    response = console.post(path, user_form(console, alice, name="Alice Johnson"))
    assert response.status_code == 302, response.context["adminform"].form.errors
    alice.refresh_from_db()
    assert (alice.name, alice.email, alice.is_active) == (
        "Alice Johnson",
        "alice@example.com",
        True,
    )


def test_what_opens_doors_is_on_record(console: Client, alice: User, trail: Any) -> None:
    path = f"/admin/accounts/user/{alice.pk}/change/"
    console.post(path, user_form(console, alice, name="Alice Johnson"))
    assert trail() == []
    console.post(path, user_form(console, alice, email="a@example.com", is_superuser="on"))
    alice.refresh_from_db()
    assert alice.is_superuser
    assert trail() == [("otto", "user.access", "alice: email, is_superuser")]


def test_a_preference_that_makes_no_sense_is_refused(console: Client, alice: User) -> None:
    path = f"/admin/accounts/user/{alice.pk}/change/"
    for field, value in (
        ("timezone", "Mars/Base"),
        ("ui_language", "xx"),
        ("transcription_language", "German"),
        ("output_language", "<b>"),
        ("auto_speaker_labelling_threshold", "2"),
    ):
        page = console.post(path, user_form(console, alice, **{field: value}))
        assert set(page.context["adminform"].form.errors) == {field}


def test_budgets_are_set_and_taken_away(console: Client, alice: User) -> None:
    path = f"/admin/accounts/user/{alice.pk}/change/"
    for minutes, tokens, kept in (("600", "1000000", (600, 10**6)), ("", "", (None, None))):
        form = user_form(console, alice)
        budgets = {"monthly_transcription_minutes": minutes, "monthly_tokens": tokens}
        assert console.post(path, {**form, **budgets}).status_code == 302
        alice.refresh_from_db()
        assert (alice.monthly_transcription_minutes, alice.monthly_tokens) == kept
    refused = console.post(path, {**form, "monthly_transcription_minutes": "-1"})
    assert refused.status_code == 200


def test_a_group_is_made_with_its_members(console: Client, alice: User) -> None:
    response = console.post(
        "/admin/accounts/group/add/",
        {
            "name": "Engineering",
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "0",
            "memberships-0-user": str(alice.pk),
            "memberships-0-role": "admin",
        },
    )
    assert response.status_code == 302
    assert Membership.objects.get(group__name="Engineering").user == alice


def test_the_list_of_groups_costs_the_same_for_any_number(
    console: Client, group: Group, django_assert_max_num_queries: Any
) -> None:
    Group.objects.bulk_create(Group(name=f"Group {number}") for number in range(20))
    with django_assert_max_num_queries(6):
        assert console.get("/admin/accounts/group/").status_code == 200


def test_djangos_own_groups_are_not_shown() -> None:
    assert not admin.site.is_registered(DjangoGroup)


class TestTokens:
    def add(self, console: Client, user: User, **further: str) -> str:
        """The secret, from the page that follows."""
        page = console.post(
            "/admin/accounts/apitoken/add/",
            {"user": str(user.pk), "name": "phone", **further},
            follow=True,
        )
        return re.search(r"not shown again: ([\w-]{43})", page.content.decode())[1]

    def test_the_secret_is_shown_once_and_works(self, console: Client, alice: User) -> None:
        secret = self.add(console, alice)
        token = ApiToken.objects.presented(secret).get()
        assert token.user == alice
        for path in ("", f"{token.pk}/change/", f"{token.pk}/history/"):
            page = console.get(f"/admin/accounts/apitoken/{path}").content.decode()
            assert secret not in page
            assert token.digest not in page

    def test_making_one_for_somebody_else_is_on_record(self, console: Client, alice: User) -> None:
        secret = self.add(console, alice)
        entry = AuditEntry.objects.get()
        assert (entry.actor.username, entry.action) == ("otto", "token.issue")
        assert entry.object_id == ApiToken.objects.presented(secret).get().pk

    def test_a_change_renames_and_touches_nothing_else(
        self, console: Client, alice: User, carol: User
    ) -> None:
        token, secret = issue_token(user=alice, name="phone")
        response = console.post(
            f"/admin/accounts/apitoken/{token.pk}/change/",
            {"name": "tablet", "user": str(carol.pk), "digest": "0" * 64},
        )
        assert response.status_code == 302
        token = ApiToken.objects.presented(secret).get()
        assert (token.name, token.user) == ("tablet", alice)

    def test_the_action_revokes_through_the_service(self, console: Client, alice: User) -> None:
        tokens = [issue_token(user=alice, name=name)[0] for name in ("phone", "laptop")]
        response = console.post(
            "/admin/accounts/apitoken/",
            {"action": "revoke", "_selected_action": [token.pk for token in tokens]},
            follow=True,
        )
        assert "2 tokens can no longer be used." in response.content.decode()
        assert not ApiToken.objects.usable().exists()
        assert AuditEntry.objects.filter(action="token.revoke").count() == 2

    def test_the_list_tells_usable_tokens_from_others(self, console: Client, alice: User) -> None:
        issue_token(user=alice, name="good one")
        ended, _ = issue_token(user=alice, name="ended one")
        ApiToken.objects.filter(pk=ended.pk).update(revoked_at=ended.created_at)
        usable = console.get("/admin/accounts/apitoken/?usable=yes").content.decode()
        others = console.get("/admin/accounts/apitoken/?usable=no").content.decode()
        assert ("good one" in usable, "ended one" in usable) == (True, False)
        assert ("good one" in others, "ended one" in others) == (False, True)

    def test_a_person_with_tokens_can_be_deleted(self, console: Client, alice: User) -> None:
        issue_token(user=alice, name="phone")
        response = console.post(
            f"/admin/accounts/user/{alice.pk}/delete/", {"post": "yes"}, follow=True
        )
        assert response.status_code == 200
        assert not User.objects.filter(pk=alice.pk).exists()


def test_a_person_with_recordings_is_not_deleted(console: Client, alice: User) -> None:
    recording = make_recording(owner=alice)
    page = console.post(f"/admin/accounts/user/{alice.pk}/delete/", {"post": "yes"})
    assert "Cannot delete" in page.content.decode()
    recording.refresh_from_db()
    assert recording.owner == alice
