"""Memory of the web server while a recording of one gigabyte comes in.

`python -m benchmarks.upload`: real processes, a client that streams from disk. Ends with 1 where
the bar is missed.
"""

from __future__ import annotations

import http.client
import json
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.memory import PeakMemory
from recordings.connectors.asr_endpoint import MultipartFile
from tests.instance import START_SECONDS, Instance, until

MEGABYTE = 1024 * 1024
SMALL_MB, LARGE_MB = 1, 1024
BAR_MB = 40
SAMPLE_SECONDS = 0.05
HEADER = struct.Struct("<4sI8sIHHIIHH4sI")
API = "/api/v1/recordings"


def main() -> int:
    """The exit code."""
    with tempfile.TemporaryDirectory(prefix="speakr-bench-") as folder:
        data_dir = Path(folder) / "data"
        data_dir.mkdir()
        instance = Instance(data_dir)
        try:
            until(instance.answers, START_SECONDS, "the server answers")
            instance.manage("constance", "set", "max_file_size_mb", str(LARGE_MB + 1))
            small = measured(instance, silence(Path(folder) / "small.wav", SMALL_MB))
            large = measured(instance, silence(Path(folder) / "large.wav", LARGE_MB))
        finally:
            instance.end()
    growth_mb = (large - small) / MEGABYTE
    print(f"{SMALL_MB} MB: web at most {small / MEGABYTE:.1f} MB")
    print(f"{LARGE_MB} MB: web at most {large / MEGABYTE:.1f} MB")
    print(f"grows by {growth_mb:.1f} MB; the bar is {BAR_MB} MB")
    return int(growth_mb > BAR_MB)


def measured(instance: Instance, path: Path) -> int:
    """Peak memory of the web server while it takes the file, in bytes. The media helper, a process
    of its own, does not count.
    """
    server = instance.program("gunicorn")
    assert server is not None
    processes = [
        process
        for process in (server, *server.children(recursive=True))
        if any("gunicorn" in part for part in process.cmdline())
    ]

    def resident() -> dict[str, int]:
        return {"web": sum(process.memory_info().rss for process in processes)}

    with PeakMemory(resident, seconds=SAMPLE_SECONDS) as memory:
        document = sent(instance, path)
    # Its work is nobody's business here, and ends with it.
    connection = http.client.HTTPConnection("127.0.0.1", instance.port)
    connection.request("DELETE", f"{API}/{document['id']}", headers=authorization(instance))
    connection.getresponse().read()
    connection.close()
    return memory.peaks["web"]


def sent(instance: Instance, path: Path) -> dict[str, Any]:
    """Uploads the file from disk, little by little; the server's answer."""
    connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=600)
    with path.open("rb") as file:
        body = MultipartFile("file", path.name, file)
        headers = {"Content-Type": body.content_type, "Content-Length": str(body.length)}
        started = time.monotonic()
        connection.request(
            "POST", f"{API}/upload", body=body, headers={**authorization(instance), **headers}
        )
        answer = connection.getresponse()
        document = json.loads(answer.read())
        seconds = time.monotonic() - started
    connection.close()
    if answer.status != http.HTTPStatus.ACCEPTED:
        raise RuntimeError(f"{answer.status}: {document}")
    print(f"{path.name}: taken in {seconds:.1f} s")
    return document


def authorization(instance: Instance) -> dict[str, str]:
    return {"Authorization": f"Bearer {instance.token}"}


def silence(path: Path, megabytes: int) -> Path:
    """A WAV of about that size, 48 kHz stereo; a hole on disk, so that it takes no room there."""
    data_bytes = megabytes * MEGABYTE - HEADER.size
    rate, frame_bytes = 48_000, 4
    header = HEADER.pack(
        b"RIFF", data_bytes + HEADER.size - 8, b"WAVEfmt ", 16, 1, 2, rate, rate * frame_bytes,
        frame_bytes, 16, b"data", data_bytes,
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(header)
        file.truncate(HEADER.size + data_bytes)
    return path


if __name__ == "__main__":
    sys.exit(main())
