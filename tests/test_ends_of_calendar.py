"""The first and the last moment that can be stored are shown everywhere, whatever the time zone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiToken, User
from accounts.services import issue_token
from recordings.models import PublicLink, Recording
from recordings.services import retention
from tests.conftest import Api, signed_in
from tests.factories import make_recording
from tests.recordings.api.uploading import upload

pytestmark = pytest.mark.django_db

ZONES = ("Pacific/Kiritimati", "America/New_York")
FIRST, LAST = "1900-01-01T00:00:00Z", "2200-12-31T23:59:59Z"


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, settings: Any, alice: User) -> str:
    """The server's and Alice's."""
    settings.TIME_ZONE = request.param
    User.objects.filter(pk=alice.pk).update(timezone=request.param)
    alice.refresh_from_db()
    return request.param


@pytest.mark.parametrize("moment", [FIRST, LAST])
def test_every_page_opens(
    api: Api, console: Client, alice: User, settings: Any, zone: str, moment: str
) -> None:
    settings.ENABLE_INTERNAL_SHARING = True
    client, recording = api(alice), make_recording(owner=alice)
    path = f"/api/v1/recordings/{recording.pk}"
    assert client.patch(path, {"meeting_date": moment}).status_code == 200
    client.post(f"{path}/public-link", {"expires_at": LAST})
    link = PublicLink.objects.get()
    for page in (
        "/admin/recordings/recording/",
        f"/admin/recordings/recording/{recording.pk}/change/",
        f"/admin/recordings/recording/{recording.pk}/open/",
        "/admin/recordings/publiclink/",
        f"/admin/recordings/publiclink/{link.pk}/change/",
    ):
        assert console.get(page).status_code == 200, page
    for page in ("/account", "/account/sharing", f"/s/{link.token}"):
        assert signed_in(alice).get(page).status_code == 200, page
    for query in (
        "",
        f"/{recording.pk}",
        "?sort_by=meeting_date",
        "?date_from=0001-01-01&date_to=9999-12-31",
    ):
        assert client.get(f"/api/v1/recordings{query}").status_code == 200, query
    settings.ENABLE_AUTO_DELETION, settings.GLOBAL_RETENTION_DAYS = True, 30
    assert retention.run().plan is not None


@pytest.mark.parametrize("field", ["meeting_date", "file_last_modified"])
def test_an_upload_from_beyond_is_taken_without(client: Any, zone: str, field: str) -> None:
    beyond = {"meeting_date": "9999-12-31T12:00:00Z", "file_last_modified": "253000000000000"}
    answer = upload(client, **{field: beyond[field]})
    assert answer.status_code == 202
    assert answer.json()["warnings"] == [
        f"{field} is not in the years 1900 to 2200 and was left out"
    ]
    assert 2000 < Recording.objects.get().meeting_date.year < 2200


def test_a_token_of_the_console_ends_within_reach(console: Client, alice: User, zone: str) -> None:
    for day, taken in (("9999-12-31", 0), ("2200-01-01", 0), ("2099-12-31", 1)):
        form = {"user": alice.pk, "name": "phone", "expires_at_0": day, "expires_at_1": "23:59:59"}
        page = console.post("/admin/accounts/apitoken/add/", form)
        assert page.status_code == (302 if taken else 200), day
        assert ApiToken.objects.count() == taken
    assert (
        "Choose a day within the next 36500 days."
        in console.post(
            "/admin/accounts/apitoken/add/", {**form, "expires_at_0": "9999-12-31"}
        ).content.decode()
    )
    issue_token(user=alice, name="other", by=alice)
    assert console.get("/admin/accounts/apitoken/").status_code == 200
    assert signed_in(alice).get("/account/tokens").status_code == 200
