"""What the system checks notice."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from speakr_site.core import checks


def test_a_fresh_installation_has_nothing_to_complain_about(db: None) -> None:
    assert run_checks(include_deployment_checks=False, databases=["default"]) == []


def test_a_local_time_zone_in_the_database_is_an_error(settings: Any) -> None:
    settings.USE_TZ = False
    assert [problem.id for problem in checks.check_times_are_utc()] == ["core.E001"]


def test_a_folder_that_cannot_be_written_is_an_error(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "gone"
    assert [problem.id for problem in checks.check_folders_are_writable()] == ["core.E002"]


def test_uploads_on_another_file_system_are_a_warning(settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = Path("/dev/shm")  # noqa: S108
    if settings.MEDIA_ROOT.stat().st_dev == Path("/dev/shm").stat().st_dev:
        pytest.skip("the data directory is in memory here")
    assert [problem.id for problem in checks.check_folders_are_writable()] == ["core.W003"]


def test_a_lane_that_hands_out_running_work_again_is_an_error(settings: Any) -> None:
    settings.Q_CLUSTER = copy.deepcopy(settings.Q_CLUSTER)
    settings.Q_CLUSTER["ALT_CLUSTERS"]["gpu"]["retry"] = 60
    assert [problem.id for problem in checks.check_lane_timings()] == ["core.E004"]


def test_a_full_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LOW_DISK_BYTES", 2**62)
    assert [problem.id for problem in checks.check_disk_has_room()] == ["core.W005"]


@pytest.mark.parametrize(
    ("processes", "redis_url", "problems"),
    [(1, "", []), (2, "", ["core.W006"]), (2, "redis://redis", []), (1, "redis://redis", [])],
)
def test_processes_that_count_apart_are_a_warning(
    settings: Any, processes: int, redis_url: str, problems: list[str]
) -> None:
    settings.WEB_PROCESSES, settings.REDIS_URL = processes, redis_url
    assert [problem.id for problem in checks.check_counters_are_shared()] == problems


@pytest.mark.parametrize(
    ("url", "is_secure", "problems"),
    [
        ("https://speakr.example.com", False, ["core.W008"]),
        ("https://speakr.example.com", True, []),
        ("http://speakr.example.com", False, []),
        ("", False, []),
    ],
)
def test_sessions_that_travel_in_the_clear_are_a_warning(
    settings: Any, url: str, is_secure: bool, problems: list[str]
) -> None:
    settings.PUBLIC_URL, settings.SESSION_COOKIE_SECURE = url, is_secure
    assert [problem.id for problem in run_checks()] == problems


def test_mails_without_links_are_a_warning(settings: Any) -> None:
    settings.EMAIL_HOST, settings.PUBLIC_URL = "mail.example.com", ""
    assert [problem.id for problem in run_checks()] == ["core.W007"]
