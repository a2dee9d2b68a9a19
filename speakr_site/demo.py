"""`make demo`: starts everything, uploads a recording as any client would, shows what was said and
what it comes to.

A client of its own server: it speaks HTTP and calls manage.py; no models here.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import requests
from django.core.exceptions import ImproperlyConfigured
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from speakr_site import env
from speakr_site.core.processes import die_with_parent
from speakr_site.start import MANAGE, data_dir_problem, port_problem, supervisor

START_SECONDS = 60
STOP_SECONDS = 40
REQUEST_SECONDS = 120
# The status is a read, of which a caller has 100 a minute.
POLL_SECONDS = 0.8
LOG_TAIL_LINES = 15
PLACES = ("DATA_DIR", "HOST", "PORT")
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")

console = Console(highlight=False, soft_wrap=True)


class DemoError(Exception):
    """A sentence for the person at the terminal."""


class Stop:
    """What Ctrl-C and SIGTERM ask for: SystemExit, there and then. One that comes while `held`, or
    that is lost (Python reports what a fork hook or a finalizer raises, and goes on), ends the demo
    at the next `check`.
    """

    def __init__(self) -> None:
        self.held = False
        self._status = 0

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            # What was started with `&` or nohup stays deaf.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def check(self) -> None:
        if self._status:
            self._leave()

    def ignore(self) -> None:
        """From now on: pressed once more, Ctrl-C would leave things half stopped."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, _frame: object) -> None:
        self._status = 128 + number
        if not self.held:
            self._leave()

    def _leave(self) -> NoReturn:
        self.ignore()
        sys.exit(self._status)


stop = Stop()


class Client:
    """The few calls of the API that a client needs from a file to its transcript."""

    def __init__(self, url: str, token: str) -> None:
        self.api = f"{url}/api/v1"
        self.session = requests.Session()
        # No proxy stands between this machine and itself.
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token}"

    def answers(self) -> bool:
        try:
            return self.session.get(f"{self.api}/users/me", timeout=5).ok
        except requests.RequestException:
            return False

    def upload(self, path: Path) -> int:
        """The id of the new recording."""
        with path.open("rb") as file:
            answer = self._ask("POST", "/recordings/upload", files={"file": (path.name, file)})
        return answer["id"]

    def status(self, recording: int) -> dict[str, Any]:
        return self._ask("GET", f"/recordings/{recording}/status")

    def segments(self, recording: int) -> list[dict[str, Any]]:
        """Empty when nothing was said."""
        try:
            return self._ask("GET", f"/recordings/{recording}/transcript?format=json")["segments"]
        except NotFound:
            return []

    def look_for_events(self) -> None:
        preferences = {"extract_events": True}
        self._ask("PATCH", "/users/me", json={"preferences": preferences})

    def summary(self, recording: int) -> dict[str, Any]:
        return self._ask("GET", f"/recordings/{recording}/summary")

    def events(self, recording: int) -> list[dict[str, Any]]:
        return self._ask("GET", f"/recordings/{recording}/events")["events"]

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            response = self.session.request(
                method, self.api + path, timeout=REQUEST_SECONDS, **request
            )
            body = response.json()
        except requests.RequestException as error:
            raise ServerGone(f"The server does not answer any more: {error}") from None
        if response.status_code == 404:
            raise NotFound(path)
        if not response.ok:
            raise DemoError(f"The server refused: {body.get('error', response.reason)}")
        return body


class ServerGone(DemoError):
    pass


class NotFound(DemoError):
    pass


def main(arguments: list[str]) -> None:
    path = Path(arguments[0]).expanduser()
    if not path.is_file():
        raise DemoError(f"There is no file {path}.")
    problem = port_problem(env.text("HOST", "127.0.0.1"), env.integer("PORT", 8000))
    if problem:
        raise DemoError(problem)
    with console.status("Preparing the database and the speech model"):
        login = json.loads(manage("prepare", "--json"))
        token = login["token"] or manage(
            "create_token", login["username"], "--label", "demo", "--days", "30"
        )
    if login["password"]:
        # Shown now: whatever happens next, it is not shown again.
        console.print(
            f"The first login: user {login['username']}, password {login['password']}",
            markup=False,
        )
    data_dir = Path(login["data_dir"])
    if problem := data_dir_problem(data_dir):
        raise DemoError(problem)
    with running(data_dir) as server:
        client = Client(login["url"], token)
        with console.status("Starting web server and clusters"):
            wait_until_up(client, server, data_dir)
        console.print(f"Speakr answers at {login['url']}. Uploading {path.name}.")
        if env.text("TEXT_MODEL_NAME"):
            client.look_for_events()
        recording = client.upload(path)
        warnings = follow(client, recording)
        show(client.segments(recording), warnings)
        show_texts(client.summary(recording), client.events(recording))
        show_next(login, token, recording)
        stop.check()


def manage(*arguments: str) -> str:
    """What a manage.py command printed; DemoError with its last line when it failed."""
    done = subprocess.run(
        [sys.executable, MANAGE, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise DemoError(f"manage.py {arguments[0]} failed: {lines[-1]}")
    return done.stdout.strip()


@contextmanager
def running(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Web server and clusters, ended on the way out, whatever the reason."""
    command, environment = supervisor(data_dir)
    stop.held = True
    server = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Out of the terminal's group: Ctrl-C comes to us, and we end it.
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        stop.held = False
        stop.check()
        yield server
    finally:
        stop.ignore()
        with console.status("Stopping what was started"):
            server.terminate()
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()


def wait_until_up(client: Client, server: subprocess.Popen[bytes], data_dir: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not client.answers():
        stop.check()
        if server.poll() is not None or time.monotonic() > deadline:
            log = data_dir / "logs" / "web.log"
            lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
            raise DemoError(
                "\n".join([f"The server did not start. {log} ends with:", *lines[-LOG_TAIL_LINES:]])
            )
        time.sleep(POLL_SECONDS)


def follow(client: Client, recording: int) -> list[str]:
    """Shows the progress until the recording is done; its warnings. DemoError when it failed."""
    columns = (
        TextColumn("{task.description:<13}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[eta]}"),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("waiting", total=1, eta="")
        while True:
            stop.check()
            status = client.status(recording)
            eta = status.get("eta_seconds")
            progress.update(
                bar,
                completed=status.get("progress") or 0,
                description=status.get("stage") or status["status"].lower(),
                eta="" if eta is None else f"about {eta} s to go",
            )
            if status["status"] == "FAILED":
                raise DemoError(f"The transcription failed: {status.get('error_message')}")
            if status["status"] == "COMPLETED":
                progress.update(bar, completed=1, description="done", eta="")
                return status.get("warnings") or []
            time.sleep(POLL_SECONDS)


def show(segments: list[dict[str, Any]], warnings: list[str]) -> None:
    speakers = list(dict.fromkeys(segment["speaker"] for segment in segments))
    width = max((len(speaker) for speaker in speakers), default=0)
    console.print()
    for segment in segments:
        speaker = segment["speaker"]
        line = Text(f"{clock(segment['start_time'])}  ", style="dim")
        line.append(f"{speaker:<{width}}  ", style=COLOURS[speakers.index(speaker) % len(COLOURS)])
        line.append(segment["sentence"], style="not dim")
        console.print(line)
    if not segments:
        console.print("Nothing was said in this recording.")
    for warning in warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False)


def show_texts(summary: dict[str, Any], events: list[dict[str, Any]]) -> None:
    made = summary["summary_meta"]
    if made:
        by = f"by {made['model']}" if made["model"] else "without a language model"
        console.print(f"\nSummary, {by}:\n", style="bold", markup=False)
        console.print(summary["summary"], markup=False)
    if events:
        console.print("\nEvents:\n", style="bold")
    for event in events:
        console.print(f"{event['start_datetime']}  {event['title']}", markup=False)


def clock(seconds: float | None) -> str:
    minutes, seconds = divmod(int(seconds or 0), 60)
    return f"{minutes:02}:{seconds:02}"


def show_next(login: dict[str, str], token: str, recording: int) -> None:
    url, user = login["url"], login["username"]
    if login["password"]:
        password = f"password {login['password']}"
    else:
        place = f"DATA_DIR={shlex.quote(login['data_dir'])} " if env.text("DATA_DIR") else ""
        command = f"{place}.venv/bin/python manage.py changepassword {user}"
        password = f"password as before (another: {command})"
    chosen = [f" {name}={env.text(name)}" for name in PLACES if env.text(name)]
    lines = (
        "",
        f"Where to look next: `make run{''.join(chosen)}` keeps the server running. Then:",
        f"  console  {url}/admin/  user {user}, {password}",
        f"  API      {url}/api/v1/docs  press Authorize and give it the token",
        f"  token    {token}",
        f"  curl     curl -H 'Authorization: Bearer {token}' {url}/api/v1/recordings/{recording}",
        "",
    )
    for line in lines:
        console.print(line, markup=False)


if __name__ == "__main__":
    stop.listen()
    try:
        main(sys.argv[1:])
    except (DemoError, ImproperlyConfigured) as problem:
        sys.exit(str(problem))
