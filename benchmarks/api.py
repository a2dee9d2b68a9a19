"""How long the API takes over 10,000 recordings and over 100,000, as multiples of a request that
does nothing.

`python -m benchmarks.api`: the processes of `make run` on SQLite, one client on one connection. The
recordings are those of `manage.py seed_demo`, all of one owner; the first 10,000 have transcripts
of 20 KB, the others short ones, which no list reads. Two servers run side by side, and requests of
all kinds to both take turns, so that whatever else the machine does meets all of them. A second
person has no recordings and is in a group to which 10,000 are open by a tag. Ends with 1 where a
bar is missed.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.upload import HEADER, MEGABYTE
from tests.instance import START_SECONDS, Instance, until

API = "/api/v1"
PER_PAGE = 25
SMALL, LARGE = 10_000, 100_000
TRANSCRIPT_KB, LARGE_TRANSCRIPT_KB = 20, 1
WARM_UP, ROUNDS, UPLOADS = 20, 150, 30
FEW_HITS = 200
NOTHING = "nothing"
# Name: how many times as long as nothing it may take over 10,000 recordings.
BARS = {
    "list of 25": 6,
    "random page": 7,
    "search, many hits": 6,
    "search, few hits": 6,
    "detail": 4,
    "srt": 3,
    "stats": 5,
    "patch": 6,
    "upload of 1 MB": 100,
}
# Name: how many times as long as over 10,000 it may take over 100,000.
GROWTH_BARS = {
    "list of 25": 2.5,
    "search, few hits": 2,
    "random page": 4,
    "stats": 10,
    "detail, shared": 1.5,
    "list of shared": 4,
}
# Name: how many times as long as another it may take over 10,000.
SHARING_BARS = {
    "detail, shared": ("detail", 2),
    "list of all, own": ("list of 25", 4),
    "list of all, shared": ("list of 25", 4),
}
PER_BATCH = 100
OWNER, RECIPIENT, OPERATOR = "demo", "guest", "operator"
PASSWORD = "correct horse battery staple"
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "benchmarks.api_settings",
    "DATABASE_URL": "",
    "RATELIMIT_ENABLE": "false",
    "ENABLE_INTERNAL_SHARING": "true",
    # A service that is not there: the engine's work would be measured along with the API's.
    "ASR_BASE_URL": "http://127.0.0.1:9",
}

Medians = dict[str, float]


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    body: bytes | None = None
    content_type: str = "application/json"
    by: str = OWNER


class Client:
    """The owner of so many recordings and the others, on one connection. `tokens`: by person."""

    def __init__(self, port: int, tokens: dict[str, str], recordings: int) -> None:
        self.recordings = recordings
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.tokens = tokens

    def timed(self, call: Call) -> tuple[float, dict[str, Any]]:
        """Seconds until the answer is read, and the answer."""
        headers = {
            "Authorization": f"Bearer {self.tokens[call.by]}",
            "Accept": "application/json",
            **({"Content-Type": call.content_type} if call.body else {}),
        }
        started = time.perf_counter()
        self.connection.request(call.method, call.path, body=call.body, headers=headers)
        response = self.connection.getresponse()
        text = response.read()
        seconds = time.perf_counter() - started
        if response.status >= 300:
            raise RuntimeError(f"{call.method} {call.path}: {response.status} {text[:300]!r}")
        return seconds, json.loads(text)

    def get(self, path: str, by: str = OWNER) -> dict[str, Any]:
        return self.timed(Call("GET", f"{API}{path}", by=by))[1]

    def send(self, method: str, path: str, body: dict[str, Any], by: str = OWNER) -> dict[str, Any]:
        return self.timed(Call(method, f"{API}{path}", json.dumps(body).encode(), by=by))[1]


def main() -> int:
    """The exit code."""
    with tempfile.TemporaryDirectory(prefix="speakr-bench-") as folder, ExitStack() as running:
        clients = [
            seeded(running, Path(folder) / str(recordings), recordings)
            for recordings in (SMALL, LARGE)
        ]
        small, large = medians(clients)
        small |= uploads(clients[0])
    return int(report(small, large) > 0)


def seeded(running: ExitStack, data_dir: Path, recordings: int) -> Client:
    """A server with so many recordings, which runs as long as the stack, and their owner."""
    data_dir.mkdir()
    instance = Instance(data_dir, **ENVIRONMENT)
    running.callback(instance.end)
    until(instance.answers, START_SECONDS, "the server answers")
    instance.manage("constance", "set", "enable_folders", "True")
    started = time.monotonic()
    seed(instance, SMALL, TRANSCRIPT_KB)
    if recordings > SMALL:
        seed(instance, recordings, LARGE_TRANSCRIPT_KB)
    print(f"{recordings:,} recordings are there after {time.monotonic() - started:.0f} s")
    client = Client(instance.port, tokens(instance), recordings)
    open_to_recipient(client)
    return client


def seed(instance: Instance, recordings: int, transcript_kb: int) -> None:
    instance.manage(
        "seed_demo", f"--recordings={recordings}", f"--transcript-kb={transcript_kb}", "--audio=0"
    )


def tokens(instance: Instance) -> dict[str, str]:
    for name, *rights in ((RECIPIENT,), (OPERATOR, "--admin")):
        person = (name, f"--email={name}@example.com", f"--password={PASSWORD}")
        instance.manage("create_user", *person, *rights)
    return {
        name: instance.manage("create_token", name, "--label", "benchmark").strip()
        for name in (OWNER, RECIPIENT, OPERATOR)
    }


def open_to_recipient(client: Client) -> None:
    """The first 10,000 in the owner's list, by a tag of a group."""
    group = client.send("POST", "/groups", {"name": "Readers"}, by=OPERATOR)["id"]
    for name, role in ((OWNER, "admin"), (RECIPIENT, "member")):
        client.send("POST", f"/groups/{group}/members", {"user": name, "role": role}, by=OPERATOR)
    tag = client.send("POST", "/tags", {"name": "Open", "group_id": group})["id"]
    for page in range(1, SMALL // PER_BATCH + 1):
        shown = client.get(f"/recordings?per_page={PER_BATCH}&page={page}")
        ids = [item["id"] for item in shown["recordings"]]
        body = {"recording_ids": ids, "updates": {"add_tag_ids": [tag]}}
        assert client.send("PATCH", "/recordings/batch", body)["failed"] == 0


def medians(clients: list[Client]) -> list[Medians]:
    """Seconds of each kind of request, for each client."""
    for client in clients:
        # The server has hung up on who was idle while others' recordings were made.
        client.connection.close()
    kinds_of = [kinds(client, random.Random(client.recordings)) for client in clients]
    taken: list[dict[str, list[float]]] = [defaultdict(list) for _ in clients]
    for client in clients:
        # The server closes a connection that is idle for some seconds.
        client.connection.close()
    for turn in range(WARM_UP + ROUNDS):
        for name in kinds_of[0]:
            for client, calls, times in zip(clients, kinds_of, taken, strict=True):
                seconds, answer = client.timed(calls[name]())
                check(name, answer, client.recordings)
                if turn >= WARM_UP:
                    times[name].append(seconds)
    return [{name: statistics.median(all_) for name, all_ in times.items()} for times in taken]


def kinds(client: Client, chance: random.Random) -> dict[str, Callable[[], Call]]:
    """Name: makes the next request of that kind."""
    pages = client.get("/recordings")["pagination"]["total_pages"]
    done = client.get("/recordings?status=completed&per_page=1")["pagination"]["total"]
    sample = [
        item["id"]
        for _ in range(8)
        for item in client.get(
            f"/recordings?status=completed&per_page=100&page={chance.randrange(1, done // 100)}"
        )["recordings"]
    ]
    shared = client.get("/recordings?scope=shared&status=completed&per_page=100", by=RECIPIENT)
    opened = [item["id"] for item in shared["recordings"]]
    few = found_at_most(client, FEW_HITS, [f"review no. {week}:" for week in range(2, 53)])
    many = ["Rossi", "weiß", "nguyễn", "interview", "RÉUNION", "παππά"]

    def search(texts: list[str]) -> Call:
        return Call("GET", f"{API}/recordings?q={quote(chance.choice(texts))}")

    def one(suffix: str = "") -> str:
        return f"{API}/recordings/{chance.choice(sample)}{suffix}"

    def patch() -> Call:
        changes = {"title": f"Renamed {chance.random()}", "is_highlighted": chance.random() < 0.5}
        return Call("PATCH", one(), json.dumps(changes).encode())

    return {
        NOTHING: lambda: Call("GET", f"{API}/nothing"),
        "list of 25": lambda: Call("GET", f"{API}/recordings"),
        "random page": lambda: Call("GET", f"{API}/recordings?page={chance.randint(1, pages)}"),
        "search, many hits": lambda: search(many),
        "search, few hits": lambda: search(few),
        "detail": lambda: Call("GET", one()),
        "srt": lambda: Call("GET", one("/transcript?format=srt")),
        "stats": lambda: Call("GET", f"{API}/stats"),
        "patch": patch,
        "detail, shared": lambda: of_recipient(f"/{chance.choice(opened)}"),
        "list of shared": lambda: of_recipient("?scope=shared"),
        "list of all, shared": lambda: of_recipient("?scope=all"),
        "list of all, own": lambda: Call("GET", f"{API}/recordings?scope=all"),
    }


def of_recipient(suffix: str) -> Call:
    return Call("GET", f"{API}/recordings{suffix}", by=RECIPIENT)


def found_at_most(client: Client, hits: int, texts: list[str]) -> list[str]:
    """Those that find something, and no more than so many."""
    found = {
        text: client.get(f"/recordings?per_page=1&q={quote(text)}")["pagination"]["total"]
        for text in texts
    }
    kept = [text for text, total in found.items() if 0 < total <= hits]
    totals = [found[text] for text in kept]
    print(f"few hits: {min(totals)} to {max(totals)}, {statistics.mean(totals):.0f} on average")
    return kept


def check(name: str, answer: dict[str, Any], recordings: int) -> None:
    """That the answer is what was asked for, whole and exact."""
    if name in ("list of 25", "random page", "list of all, own"):
        assert answer["pagination"]["total"] == recordings, answer["pagination"]
        assert len(answer["recordings"]) == PER_PAGE
    elif name.startswith("list"):
        # Those that failed are not open.
        assert SMALL * 0.9 < answer["pagination"]["total"] <= SMALL, answer["pagination"]
        assert len(answer["recordings"]) == PER_PAGE
    elif name.startswith("search"):
        assert answer["recordings"], answer["pagination"]
    elif name == "stats":
        assert answer["recordings"]["total"] >= recordings
    elif name.startswith("detail"):
        assert answer["transcription"]
    elif name == "srt":
        assert " --> " in answer["content"]


def uploads(client: Client) -> Medians:
    """Seconds of an upload of 1 MB, each of other bytes."""
    client.connection.close()
    taken = []
    for _ in range(UPLOADS):
        seconds, answer = client.timed(upload())
        taken.append(seconds)
        client.timed(Call("DELETE", f"{API}/recordings/{answer['id']}"))
    return {"upload of 1 MB": statistics.median(taken)}


def upload() -> Call:
    """Noise, 48 kHz stereo."""
    data_bytes = MEGABYTE - HEADER.size
    wav = HEADER.pack(
        b"RIFF", data_bytes + HEADER.size - 8, b"WAVEfmt ", 16, 1, 2, 48_000, 192_000, 4, 16,
        b"data", data_bytes,
    ) + random.randbytes(data_bytes)  # fmt: skip
    edge = "part-of-the-benchmark"
    disposition = 'form-data; name="file"; filename="noise.wav"'
    head = f"--{edge}\r\nContent-Disposition: {disposition}\r\nContent-Type: audio/wav\r\n\r\n"
    body = head.encode() + wav + f"\r\n--{edge}--\r\n".encode()
    return Call("POST", f"{API}/recordings/upload", body, f"multipart/form-data; boundary={edge}")


def report(small: Medians, large: Medians) -> int:
    """Prints the table; how many bars were missed."""
    missed = 0
    nothing = small[NOTHING]
    print(f"\n{SMALL:,} recordings; nothing takes {nothing * 1000:.2f} ms")
    for name, bar in BARS.items():
        missed += not told(name, small[name], small[name] / nothing, bar)
    print("\nwhat is shared, against one's own")
    for name, (other, bar) in SHARING_BARS.items():
        missed += not told(name, small[name], small[name] / small[other], bar)
    print(f"\n{LARGE:,} recordings, against {SMALL:,}")
    for name, bar in GROWTH_BARS.items():
        missed += not told(name, large[name], large[name] / small[name], bar)
    print(f"\n{missed} bars missed" if missed else "\nevery bar holds")
    return missed


def told(name: str, seconds: float, ratio: float, bar: float) -> bool:
    """Whether the bar holds."""
    verdict = "" if ratio <= bar else "  MISSED"
    print(f"  {name:20} {seconds * 1000:8.2f} ms {ratio:7.2f} x  (bar {bar:g} x){verdict}")
    return ratio <= bar


if __name__ == "__main__":
    sys.exit(main())
