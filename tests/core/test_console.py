"""The console as a whole: who gets in, what the front page says, whether every page opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.services import issue_token
from recordings.models import Job
from speakr_site.admin_site import SECTIONS
from speakr_site.core.attempts import FAILURES_A_MINUTE
from speakr_site.core.audit import record_audit
from speakr_site.core.models import Canary
from tests.conftest import signed_in
from tests.factories import (
    make_delivery,
    make_job,
    make_recording,
    make_transcript,
    make_webhook,
)

PASSWORD = "correct horse battery"
INDEX, LOGIN = "/admin/", "/admin/login/"


@pytest.fixture(autouse=True)
def _no_failures_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty counter, and a minute that does not end in the middle of a test."""
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: 1.7e9))
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def rows(alice: User, bob: User, otto: User) -> None:
    """One of everything."""
    recording = make_recording(owner=alice)
    make_transcript(recording=recording, SPEAKER_00="Ann")
    make_job(recording=recording)
    issue_token(user=alice, name="phone", by=otto)
    record_audit(by=otto, action="recording.open", target=recording)
    make_delivery(webhook=make_webhook(owner=alice))


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label_lower)
def test_every_page_of_every_model_opens(console: Client, rows: None, model: Any) -> None:
    site, meta = admin.site._registry[model], model._meta
    base = f"admin:{meta.app_label}_{meta.model_name}"
    request = console.get(INDEX).wsgi_request
    assert console.get(reverse(f"{base}_changelist")).status_code == 200
    if meta.label == "constance.Config":
        return
    assert console.get(reverse(f"{base}_changelist"), {"q": "a"}).status_code == 200
    if site.has_add_permission(request):
        assert console.get(reverse(f"{base}_add")).status_code == 200
    row = model._default_manager.first()
    if row is not None:
        page = console.get(reverse(f"{base}_change", args=[row.pk]))
        assert page.status_code == 200
        assert "://" not in page.content.decode().replace("http://www.w3.org", "")


def test_the_audit_trail_can_only_be_read(console: Client, rows: None) -> None:
    for path in ("add/", "1/delete/"):
        assert console.get(f"/admin/core/auditentry/{path}").status_code == 403


def test_the_sections_come_in_an_operators_order(console: Client) -> None:
    page = console.get(INDEX)
    names = [section["name"] for section in page.context["app_list"]]
    assert names == [name for name in SECTIONS if name in names]
    assert "Other" not in names
    labels = {
        section["name"]: [model["object_name"] for model in section["models"]]
        for section in page.context["app_list"]
    }
    assert labels["People"] == ["User", "Group", "ApiToken", "Webhook"]
    assert set(labels["System"]) >= {"Config", "Schedule", "AuditEntry"}
    assert {"Delivery", "Failure", "Success"} <= set(labels["Work"])


def test_a_page_of_one_app_still_opens(console: Client) -> None:
    assert console.get("/admin/accounts/").status_code == 200


def test_the_cards_say_what_works_and_what_waits(console: Client, alice: User) -> None:
    now = timezone.now()
    for status, count in ((Job.Status.QUEUED, 3), (Job.Status.RUNNING, 1), (Job.Status.FAILED, 2)):
        for number in range(count):
            make_job(
                recording=make_recording(owner=alice, size_bytes=1024),
                status=status,
                queued_at=now - timedelta(hours=number),
                finished_at=now if status == Job.Status.FAILED else None,
                lease_expires_at=now + timedelta(seconds=30),
            )
    long_ago = now - timedelta(days=9)
    make_job(
        recording=make_recording(owner=alice, audio_key=""),
        status=Job.Status.FAILED,
        finished_at=long_ago,
    )
    # A worker that is busy cannot stamp; its lease speaks for it.
    Canary.objects.create(lane="gpu", stamped_at=now - timedelta(hours=1), host="x", pid=1)
    Canary.objects.create(lane="text", stamped_at=now - timedelta(minutes=4), host="x", pid=1)

    page = console.get(INDEX)
    lanes = {lane["name"]: lane for lane in page.context["lanes"]}
    assert [lanes["gpu"][key] for key in ("waiting", "running", "failed")] == [3, 1, 2]
    assert {name: lane["is_healthy"] for name, lane in lanes.items()} == {
        "speakr": False,
        "gpu": True,
        "text": False,
    }
    assert page.context["oldest_waiting"] == now - timedelta(hours=2)
    assert page.context["storage"] == {"bytes": 6 * 1024, "count": 6}
    html = page.content.decode()
    assert "never heard from" in html
    assert "<strong>silent</strong> since 4\xa0minutes" in html


def test_the_front_page_costs_the_same_for_any_number_of_jobs(console: Client, alice: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            console.get(INDEX)
        return len(captured)

    make_job(recording=make_recording(owner=alice))
    once = queries()
    for _ in range(10):
        make_job(recording=make_recording(owner=alice))
    assert queries() == once


def test_staff_without_the_right_see_no_cards(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    page = signed_in(alice).get(INDEX)
    assert page.status_code == 200
    assert "lanes" not in page.context
    assert "webhooks" not in page.context


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York"])
@pytest.mark.parametrize("year", ["0", "1", "1900", "2026", "2200", "2201", "9999", "x", "9" * 9])
def test_any_year_can_be_asked_for(
    console: Client, rows: None, settings: Any, zone: str, year: str
) -> None:
    settings.TIME_ZONE = zone
    for path, column in (
        ("recordings/recording", "created_at"),
        ("recordings/job", "queued_at"),
        ("hooks/delivery", "created_at"),
        ("core/auditentry", "created_at"),
    ):
        asked = {f"{column}__year": year, f"{column}__month": "12", f"{column}__day": "31"}
        for count in (1, 2, 3):
            page = console.get(f"/admin/{path}/", dict(list(asked.items())[:count]))
            assert page.status_code == (200 if year in ("1900", "2026", "2200") else 302)
            if page.status_code == 302:
                assert page.url == f"/admin/{path}/?e=1"


def test_only_staff_gets_in(alice: User) -> None:
    assert signed_in(alice).get(INDEX).status_code == 302


class TestLogin:
    def attempt(self, password: str, client: Client | None = None) -> Any:
        return (client or Client()).post(LOGIN, {"username": "otto", "password": password})

    def test_an_operator_logs_in(self, otto: User) -> None:
        assert self.attempt(PASSWORD).status_code == 302

    def test_too_many_failures_from_one_address_have_to_wait(self, otto: User) -> None:
        statuses = [self.attempt("wrong").status_code for _ in range(FAILURES_A_MINUTE)]
        assert set(statuses) == {200}
        refused = self.attempt(PASSWORD)
        assert refused.status_code == 429
        assert 1 <= int(refused["Retry-After"]) <= 60

    def test_it_needs_a_csrf_token(self, otto: User) -> None:
        assert self.attempt(PASSWORD, Client(enforce_csrf_checks=True)).status_code == 403
