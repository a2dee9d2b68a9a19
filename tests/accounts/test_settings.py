"""PUT /settings/auto-summarization (http-contract.md, 13.6)."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from tests.conftest import Api

PATH = "/api/v1/settings/auto-summarization"


@pytest.mark.parametrize("enabled", [False, True])
def test_the_caller_switches_it_for_themselves(
    alice: User, carol: User, api: Api, enabled: bool
) -> None:
    User.objects.update(auto_summarization=not enabled)
    response = api(alice).put(PATH, {"enabled": enabled})
    assert response.status_code == 200
    assert response.json() == {"success": True, "auto_summarization": enabled}
    me = api(User.objects.get(pk=alice.pk)).get("/api/v1/users/me").json()
    assert me["preferences"]["auto_summarization"] is enabled
    assert User.objects.get(pk=carol.pk).auto_summarization is not enabled


@pytest.mark.parametrize("body", [None, {}, {"Enabled": True}, {"auto_summarization": False}])
def test_the_field_is_required(alice: User, api: Api, body: Any) -> None:
    response = api(alice).put(PATH, body)
    assert (response.status_code, response.json()) == (400, {"error": "enabled field is required"})


@pytest.mark.parametrize("value", ["false", "", 0, 1, [], {}, None])
def test_it_takes_true_and_false_alone(alice: User, api: Api, value: Any) -> None:
    response = api(alice).put(PATH, {"enabled": value})
    assert response.status_code == 400
    assert "enabled" in response.json()["error"]
    assert User.objects.get(pk=alice.pk).auto_summarization is True


def test_other_bodies_methods_and_strangers_are_refused(alice: User, api: Api) -> None:
    assert api(alice).put(PATH, [True]).status_code == 400
    assert api(alice).put(PATH, "{", content_type="application/json").status_code == 400
    for method in ("get", "post", "patch", "delete"):
        assert getattr(api(alice), method)(PATH).status_code == 405
    assert api(None).put(PATH, {"enabled": False}).status_code == 401
