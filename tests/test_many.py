"""Eight people upload two hundred recordings at once: all become transcripts, in fair turns, and
nobody ever hears of a locked database.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.instance import START_SECONDS, Instance, until
from tests.recordings.speech import tiny_en, write_jfk, write_wav

pytestmark = [pytest.mark.stress, pytest.mark.engine]

PEOPLE = 8
UPLOADS = 200
SECONDS = 5
DONE_SECONDS = 600
# A job is dated when it is made and seen when it is committed.
COMMIT = timedelta(seconds=2)

MAKE_PEOPLE = f"""
import json
from accounts.services import ensure_user, issue_token
people = [
    ensure_user(username=name, email=f"{{name}}@example.com", password="Tr7-quiet-lake")
    for name in (f"person{{n}}" for n in range({PEOPLE}))
]
print(json.dumps([issue_token(user=user, name="test")[1] for user, _ in people]))
"""


@dataclass(frozen=True)
class Turn:
    owner: int
    queued_at: datetime
    claimed_at: datetime


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    running = Instance(tmp_path, WHISPER_MODEL=str(tiny_en()), DIARIZER="none")
    try:
        until(running.answers, START_SECONDS, "the server answers")
        yield running
    finally:
        running.end()


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Five seconds of it."""
    path = tmp_path / "speech.wav"
    pcm = write_jfk(path).read_bytes()[44:]
    return write_wav(path, pcm[: SECONDS * 32_000])


def test_two_hundred_uploads_by_eight_people_are_all_transcribed_in_fair_turns(
    instance: Instance, speech: Path
) -> None:
    tokens = json.loads(instance.manage("shell", "-v", "0", "-c", MAKE_PEOPLE))
    with ThreadPoolExecutor(PEOPLE) as pool:
        answers = list(
            pool.map(lambda n: instance.upload(tokens[n % PEOPLE], speech), range(UPLOADS))
        )
    assert Counter(answer.status_code for answer in answers) == {202: UPLOADS}

    until(lambda: "PENDING" not in instance.states(), DONE_SECONDS, "nothing waits")
    until(
        lambda: instance.states() == {"COMPLETED": UPLOADS},
        START_SECONDS,
        "every recording is transcribed",
    )
    jobs = "SELECT lane, max(attempts), count(*) FROM recordings_job GROUP BY lane ORDER BY lane"
    assert instance.rows(jobs) == [("gpu", 0, UPLOADS), ("text", 0, UPLOADS)]
    assert unfair(turns(instance)) == []
    said = [answer.text for answer in answers] + [
        path.read_text() for path in (instance.data_dir / "logs").iterdir()
    ]
    assert not [text for text in said if "is locked" in text]


def turns(instance: Instance) -> list[Turn]:
    """In the order in which they were served."""
    query = (
        "SELECT owner_id, queued_at, claimed_at FROM recordings_job WHERE lane = 'gpu' "
        "ORDER BY claimed_at"
    )
    return [
        Turn(owner, *(datetime.fromisoformat(str(moment)) for moment in moments))
        for owner, *moments in instance.rows(query)
    ]


def unfair(served: list[Turn]) -> list[str]:
    """Waits in which somebody else was served more than once, a sentence each."""
    found = []
    for owner in {turn.owner for turn in served}:
        before = [turn for turn in served if turn.owner == owner]
        for last, turn in pairwise([None, *before]):
            since = turn.queued_at + COMMIT
            since = max(since, last.claimed_at) if last else since
            others = Counter(
                other.owner
                for other in served
                if other.owner != owner and since < other.claimed_at < turn.claimed_at
            )
            found += [f"{owner} waited for {n} of {o}" for o, n in others.items() if n > 1]
    return found
