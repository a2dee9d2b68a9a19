"""A secret in a URL leaves no trace in the log."""

from __future__ import annotations

import logging

import pytest

from speakr_site.core.logs import redact


@pytest.mark.parametrize(
    ("line", "redacted"),
    [
        ("GET /api/v1/stats?token=abc_-9 HTTP/1.1", "GET /api/v1/stats?token=[redacted] HTTP/1.1"),
        ('"GET /x?a=1&TOKEN=abc&b=2"', '"GET /x?a=1&TOKEN=[redacted]&b=2"'),
        ("claim_token=5 of job 7", "claim_token=5 of job 7"),
        ("?token=", "?token="),
        ("GET /s/abc_-9 HTTP/1.1", "GET /s/[redacted] HTTP/1.1"),
        ('"GET /s/abc_-9/audio?x=1"', '"GET /s/[redacted]/audio?x=1"'),
        ("https://speakr.example/s/abc_-9", "https://speakr.example/s/[redacted]"),
        ("GET /reset/MQ/c8-ab12 HTTP/1.1", "GET /reset/[redacted] HTTP/1.1"),
        ("GET /reset/sent HTTP/1.1", "GET /reset/sent HTTP/1.1"),
        ("12 MB/s /static/pages/pages.css", "12 MB/s /static/pages/pages.css"),
    ],
)
def test_the_value_is_blacked_out_and_nothing_else(line: str, redacted: str) -> None:
    assert redact(line) == redacted


@pytest.mark.parametrize("name", ["gunicorn.access", "gunicorn.error", "django.server", "any"])
def test_no_logger_writes_a_token(name: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(name)
    logger.addHandler(caplog.handler)
    try:
        logger.warning("%s %s", "GET", "/x?token=s3cret&a=1")
        logger.warning("%(r)s", {"r": "GET /x?token=s3cret"})
    finally:
        logger.removeHandler(caplog.handler)
    assert "s3cret" not in caplog.text
    assert "token=[redacted]&a=1" in caplog.text


def test_a_log_call_that_does_not_fit_its_format_does_not_end_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    record = logging.getLogRecordFactory()("x", 30, "x.py", 1, "%s %s", ("one",), None)
    assert record.msg == "%s %s"
