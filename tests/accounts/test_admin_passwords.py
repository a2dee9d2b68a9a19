"""A password that is set in the console ends what was let in with the old one."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.models import ApiToken, User
from accounts.services import issue_token
from tests.conftest import signed_in

PASSWORD, NEW = "correct horse battery", "another long password"
ME = "/api/v1/users/me"


def lets_in(client: Client) -> bool:
    return client.get(ME).status_code == 200


def test_an_operator_sets_somebody_s(
    console: Client, otto: User, alice: User, carol: User, trail: Any
) -> None:
    issue_token(user=alice, name="phone", by=alice)
    issue_token(user=carol, name="phone", by=carol)
    browser = signed_in(alice)
    assert lets_in(browser)
    form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    path = f"/admin/accounts/user/{alice.pk}/password/"
    assert console.post(path, form).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert [token.user for token in ApiToken.objects.usable()] == [carol]
    assert not lets_in(browser)
    assert lets_in(console)
    assert trail()[-2:] == [
        ("otto", "user.password", "alice"),
        ("otto", "token.revoke", "phone of alice"),
    ]


def test_an_operator_takes_somebody_s_away(console: Client, alice: User) -> None:
    issue_token(user=alice, name="phone", by=alice)
    form = {"usable_password": "false", "unset-password": "1"}
    path = f"/admin/accounts/user/{alice.pk}/password/"
    assert console.post(path, form).status_code == 302
    alice.refresh_from_db()
    assert not alice.has_usable_password()
    assert not ApiToken.objects.usable().exists()


def test_a_bad_one_ends_nothing(console: Client, alice: User) -> None:
    issue_token(user=alice, name="phone", by=alice)
    for first, second in (("short", "short"), (NEW, "other"), ("", "")):
        form = {"password1": first, "password2": second, "set-password": "1"}
        page = console.post(f"/admin/accounts/user/{alice.pk}/password/", form)
        assert page.status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert ApiToken.objects.usable().exists()


def test_one_s_own_takes_the_current_one_and_keeps_this_session_alone(
    console: Client, otto: User, trail: Any
) -> None:
    issue_token(user=otto, name="phone", by=otto)
    elsewhere, path = signed_in(otto), "/admin/password_change/"
    page = console.get(path)
    assert "old_password" in page.content.decode()
    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    assert console.post(path, form).status_code == 200
    assert ApiToken.objects.usable().exists()
    answer = console.post(path, {**form, "old_password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/done/")
    assert not ApiToken.objects.usable().exists()
    assert (lets_in(console), lets_in(elsewhere)) == (True, False)
    assert ("otto", "user.password", "otto") in trail()


def test_a_token_deleted_in_the_console_leaves_a_trail_with_its_children(
    console: Client, alice: User, trail: Any
) -> None:
    token, _ = issue_token(user=alice, name="phone", by=alice)
    issue_token(user=alice, name="child", by=alice, parent=token)
    other, _ = issue_token(user=alice, name="laptop", by=alice)
    path = f"/admin/accounts/apitoken/{token.pk}/delete/"
    assert console.post(path, {"post": "yes"}).status_code == 302
    action = {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"}
    assert console.post("/admin/accounts/apitoken/", action).status_code == 302
    assert not ApiToken.objects.exists()
    assert [detail for _, _, detail in trail("token.revoke")] == [
        "phone of alice",
        "child of alice",
        "laptop of alice",
    ]


def test_no_spelling_of_one_s_own_number_goes_without_the_current_one(
    console: Client, otto: User
) -> None:
    form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    for number in (f"{otto.pk}", f"0{otto.pk}", f"+{otto.pk}"):
        answer = console.post(f"/admin/accounts/user/{number}/password/", form)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/")
    otto.refresh_from_db()
    assert otto.check_password(PASSWORD)
