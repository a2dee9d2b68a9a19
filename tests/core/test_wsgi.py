"""The server's entry point, where a request is not one of Django's yet."""

from __future__ import annotations

from io import BytesIO

import pytest

from speakr_site.wsgi import application


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["rot13", "idna", "utf-7", "nonsense"])
def test_a_strange_charset_does_not_break_a_query_string(charset: str) -> None:
    statuses: list[str] = []
    body = application(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/api/v1/recordings",
            "QUERY_STRING": "q=%2B",
            "CONTENT_TYPE": f"text/plain; charset={charset}",
            "CONTENT_LENGTH": "0",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.input": BytesIO(),
            "wsgi.url_scheme": "http",
        },
        lambda status, headers: statuses.append(status),
    )
    assert statuses == ["401 Unauthorized"]
    assert b"".join(body) == b'{"error":"Authentication required"}'
