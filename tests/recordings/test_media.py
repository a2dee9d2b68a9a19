"""Untrusted media: what is accepted, what is refused, and what a file may do to the machine."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from recordings.audio import media
from recordings.audio.media import MediaCancelled, MediaError, extract_audio, probe, to_wav
from recordings.audio.media_types import SENTENCES
from recordings.audio.wav import SAMPLE_RATE, read_samples
from tests.recordings.media_samples import (
    SAMPLES,
    Sample,
    make,
    make_silent_video,
    picture,
    tone,
    with_cover,
)

ROOT = Path(__file__).resolve().parents[2]
MP3 = Sample("libmp3lame", 16_000)

# file: media type, our extension, codec, has video
EXPECTED = {
    "pcm.wav": ("audio/wav", ".wav", "pcm_s16le", False),
    "u8.wav": ("audio/wav", ".wav", "pcm_u8", False),
    "s24.wav": ("audio/wav", ".wav", "pcm_s24le", False),
    "f32.wav": ("audio/wav", ".wav", "pcm_f32le", False),
    "ulaw.wav": ("audio/wav", ".wav", "pcm_mulaw", False),
    "adpcm.wav": ("audio/wav", ".wav", "adpcm_ima_wav", False),
    "six.wav": ("audio/wav", ".wav", "pcm_s16le", False),
    "mono.mp3": ("audio/mpeg", ".mp3", "mp3", False),
    "stereo.mp3": ("audio/mpeg", ".mp3", "mp3", False),
    "low.mp3": ("audio/mpeg", ".mp3", "mp3", False),
    "aac.m4a": ("audio/mp4", ".m4a", "aac", False),
    "alac.m4a": ("audio/mp4", ".m4a", "alac", False),
    "adts.aac": ("audio/aac", ".aac", "aac", False),
    "a.flac": ("audio/flac", ".flac", "flac", False),
    "vorbis.ogg": ("audio/ogg", ".ogg", "vorbis", False),
    "opus.ogg": ("audio/ogg", ".ogg", "opus", False),
    "opus.webm": ("audio/webm", ".webm", "opus", False),
    "mp3.mka": ("audio/x-matroska", ".mka", "mp3", False),
    "a.wma": ("audio/x-ms-wma", ".wma", "wmav2", False),
    "nb.amr": ("audio/amr", ".amr", "amr_nb", False),
    "nb.3gp": ("audio/3gpp", ".3gp", "amr_nb", False),
    "a.aiff": ("audio/aiff", ".aiff", "pcm_s16be", False),
    "alac.caf": ("audio/x-caf", ".caf", "alac", False),
    "a.au": ("audio/basic", ".au", "pcm_s16be", False),
    "a.ac3": ("audio/ac3", ".ac3", "ac3", False),
    "a.wv": ("audio/x-wavpack", ".wv", "wavpack", False),
    "a.tta": ("audio/x-tta", ".tta", "tta", False),
    "a.w64": ("audio/x-w64", ".w64", "pcm_s16le", False),
    "aac.mov": ("video/quicktime", ".mov", "aac", False),
    "aac.mp4": ("video/mp4", ".mp4", "aac", True),
    "h264.mp4": ("video/mp4", ".mp4", "aac", True),
    "vp8.webm": ("video/webm", ".webm", "opus", True),
    "aac.mkv": ("video/x-matroska", ".mkv", "aac", True),
    "flac.mkv": ("video/x-matroska", ".mkv", "flac", True),
    "vorbis.mkv": ("video/x-matroska", ".mkv", "vorbis", True),
    "ac3.mkv": ("video/x-matroska", ".mkv", "ac3", True),
    "pcm.mov": ("video/quicktime", ".mov", "pcm_s16le", True),
    "mp3.avi": ("video/x-msvideo", ".avi", "mp3", True),
    "aac.ts": ("video/mp2t", ".ts", "aac", True),
    "mp3.flv": ("video/x-flv", ".flv", "mp3", True),
    "mp2.mpg": ("video/mpeg", ".mpg", "mp2", True),
    "wma.wmv": ("video/x-ms-wmv", ".wmv", "wmav2", True),
    "amr.3gp": ("video/3gpp", ".3gp", "amr_nb", True),
}
VIDEOS = [name for name, expected in EXPECTED.items() if expected[3]]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seconds of a 440 Hz tone in every format."""
    folder = tmp_path_factory.mktemp("samples")
    return {name: make(folder / name, sample) for name, sample in SAMPLES.items()}


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour at 8 kHz, 29 MB."""
    quiet = np.zeros((1, 3600 * 8000), np.float32)
    return make(tmp_path_factory.mktemp("hour") / "hour.wav", Sample("pcm_mulaw", 8000), quiet)


@pytest.fixture(scope="module", autouse=True)
def helper_ends() -> Iterator[None]:
    yield
    media._helper.close()


def put(folder: Path, content: bytes, name: str = "upload.mp3") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def children() -> list[psutil.Process]:
    return psutil.Process().children()


def refusal(path: Path) -> MediaError:
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert str(caught.value) == SENTENCES[caught.value.code]
    return caught.value


class TestProbe:
    @pytest.mark.parametrize("name", EXPECTED)
    def test_it_names_a_file_by_its_bytes(
        self, samples: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        path = put(tmp_path, samples[name].read_bytes(), "upload.bin")
        info = probe(path)
        found = (info.mime_type, info.extension, info.audio_codec, info.has_video)
        assert found == EXPECTED[name]
        assert info.sample_rate == SAMPLES[name].rate
        assert info.channels == av.AudioLayout(SAMPLES[name].layout).nb_channels
        assert info.duration_seconds == pytest.approx(2.0, abs=0.1)

    @pytest.mark.parametrize("name", ["-i.wav", "concat:a.wav|b.wav", "http:a.mp3", "%03d.png"])
    def test_a_file_name_is_only_a_name(
        self, samples: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        path = put(tmp_path, samples["aac.m4a"].read_bytes(), name)
        assert probe(path).mime_type == "audio/mp4"

    def test_a_cover_picture_is_not_video(self, samples: dict[str, Path], tmp_path: Path) -> None:
        path = put(tmp_path, with_cover(samples["mono.mp3"].read_bytes()))
        with av.open(str(path)) as container:
            assert container.streams.video  # the cover is there to be mistaken
        assert not probe(path).has_video
        assert to_wav(path, tmp_path / "a.wav", deadline_seconds=60).duration_seconds > 1.9

    @pytest.mark.parametrize("name", ["aac.m4a", "aac.mp4", "opus.webm"])
    def test_the_creation_tag_is_utc(self, samples: dict[str, Path], name: str) -> None:
        assert probe(samples[name]).created_at == datetime(2024, 5, 1, 12, 30, tzinfo=UTC)

    def test_a_file_without_a_creation_tag_has_none(self, samples: dict[str, Path]) -> None:
        assert probe(samples["pcm.wav"]).created_at is None

    def test_silence_is_accepted(self, tmp_path: Path) -> None:
        silence = np.zeros((1, 32_000), np.float32)
        path = make(tmp_path / "a.mp3", MP3, silence)
        assert probe(path).mime_type == "audio/mpeg"
        assert to_wav(path, tmp_path / "a.wav", deadline_seconds=60).loudness.max() == 0.0

    @pytest.mark.parametrize("part", [0.3, 0.9])
    @pytest.mark.parametrize("name", ["mono.mp3", "pcm.wav", "a.flac", "opus.webm", "opus.ogg"])
    def test_a_truncated_file_that_decodes_is_accepted(
        self, samples: dict[str, Path], tmp_path: Path, name: str, part: float
    ) -> None:
        content = samples[name].read_bytes()
        path = put(tmp_path, content[: int(len(content) * part)])
        assert probe(path).mime_type == EXPECTED[name][0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty"),
            (b"hello world\n" * 200, "undecodable"),
            (bytes(20_000), "undecodable"),
            (b"ID3\x03\0\0\0\0\x01\0" + b"text" * 500, "undecodable"),
            (b"<html><body>not found</body></html>", "undecodable"),
            (b"%PDF-1.7\n" + random.Random(7).randbytes(5000), "undecodable"),
            (b"PK\x03\x04" + random.Random(8).randbytes(5000), "undecodable"),
            (b"\x1aE\xdf\xa3" + random.Random(9).randbytes(5000), "undecodable"),
            (picture(), "undecodable"),
            (picture("png"), "undecodable"),
        ],
    )
    def test_what_is_not_media_is_refused(self, tmp_path: Path, content: bytes, code: str) -> None:
        error = refusal(put(tmp_path, content))
        assert (error.code, error.transient) == (code, False)

    @pytest.mark.parametrize("seed", range(25))
    def test_random_bytes_are_refused(self, tmp_path: Path, seed: int) -> None:
        noise = random.Random(seed)
        content = noise.randbytes(noise.choice([10, 1000, 50_000, 500_000]))
        assert refusal(put(tmp_path, content)).code == "undecodable"

    def test_a_video_without_audio_is_refused(self, tmp_path: Path) -> None:
        assert refusal(make_silent_video(tmp_path / "a.mp4")).code == "no_audio"

    def test_a_header_without_a_sample_is_refused(
        self, samples: dict[str, Path], tmp_path: Path
    ) -> None:
        nothing = make(tmp_path / "a.wav", Sample("pcm_s16le"), np.zeros((1, 0), np.float32))
        assert refusal(nothing).code in {"no_audio", "undecodable"}

    def test_an_unknown_codec_is_refused(self, samples: dict[str, Path], tmp_path: Path) -> None:
        content = bytearray(samples["pcm.wav"].read_bytes())
        content[20:22] = b"\x99\x99"
        assert refusal(put(tmp_path, bytes(content))).code == "unknown_codec"

    def test_an_mp4_without_its_index_is_refused(
        self, samples: dict[str, Path], tmp_path: Path
    ) -> None:
        content = samples["aac.m4a"].read_bytes()
        assert refusal(put(tmp_path, content[: len(content) // 2])).code == "undecodable"

    @pytest.mark.parametrize(
        "playlist",
        [
            "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\n{other}\n#EXT-X-ENDLIST\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\nfile://{other}\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile '{other}'\n",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
            "m=audio 5004 RTP/AVP 0\n",
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
            '<AdaptationSet mimeType="audio/mp4"><Representation id="1"><BaseURL>{other}'
            "</BaseURL></Representation></AdaptationSet></Period></MPD>",
        ],
    )
    @pytest.mark.parametrize("name", ["a.m3u8", "a.ffconcat", "a.ts", "a.mp3"])
    def test_a_file_cannot_reach_another_file(
        self, samples: dict[str, Path], tmp_path: Path, playlist: str, name: str
    ) -> None:
        text = playlist.format(other=samples["aac.ts"])
        path = put(tmp_path, text.encode(), name)
        assert refusal(path).code == "undecodable"
        with pytest.raises(MediaError):
            to_wav(path, tmp_path / "a.wav", deadline_seconds=60)
        with pytest.raises(MediaError):
            extract_audio(path, tmp_path, deadline_seconds=60)
        assert sorted(tmp_path.iterdir()) == [path]

    def test_the_sentences_name_no_path_and_no_library(self) -> None:
        text = " ".join(SENTENCES.values()).lower()
        assert not any(word in text for word in ("/", "ffmpeg", "libav", "pyav", "errno"))


class TestHelper:
    def test_one_helper_serves_many_threads(self, samples: dict[str, Path]) -> None:
        probe(samples["pcm.wav"])
        before = [child.pid for child in children()]
        paths = list(samples.values()) * 3
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(probe, paths))
        assert [info.mime_type for info in found] == [EXPECTED[path.name][0] for path in paths]
        assert [child.pid for child in children()] == before

    def test_a_dead_helper_is_replaced(self, samples: dict[str, Path]) -> None:
        probe(samples["pcm.wav"])
        [helper] = children()
        os.kill(helper.pid, signal.SIGKILL)
        psutil.wait_procs([helper], timeout=10)
        assert probe(samples["pcm.wav"]).mime_type == "audio/wav"
        assert probe(samples["pcm.wav"]).mime_type == "audio/wav"

    def test_a_helper_is_replaced_after_many_requests(
        self, samples: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media, "_REQUESTS_PER_HELPER", 3)
        seen = set()
        for _ in range(10):
            probe(samples["pcm.wav"])
            seen.update(child.pid for child in children())
        assert len(seen) >= 3
        assert len(children()) == 1

    def test_a_probe_without_its_helper_still_answers(
        self, samples: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media._helper, "ask", lambda source: None)
        assert probe(samples["a.flac"]).mime_type == "audio/flac"

    def test_the_helper_ends_with_its_parent(self, samples: dict[str, Path]) -> None:
        program = (
            "import sys, time; from pathlib import Path; from recordings.audio import media;"
            "media.probe(Path(sys.argv[1])); print(media._helper._process.pid, flush=True);"
            "time.sleep(600)"
        )
        command = [sys.executable, "-c", program, str(samples["pcm.wav"])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as parent:
            helper = psutil.Process(int(parent.stdout.readline()))
            parent.kill()
        gone, alive = psutil.wait_procs([helper], timeout=10)
        assert gone
        assert not alive

    def test_secrets_of_the_server_stay_out_of_the_child(
        self, samples: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_KEY", "do not tell")
        media._helper.close()
        probe(samples["pcm.wav"])
        [helper] = children()
        assert "SECRET_KEY" not in helper.environ()

    def test_a_confined_child_can_open_nothing(self, samples: dict[str, Path]) -> None:
        program = (
            "import socket; from recordings.audio import media_child as child\n"
            "child._confine(10, 5, 0)\n"
            "for attempt in (lambda: open('/etc/hostname'), socket.socket):\n"
            "    try: attempt()\n"
            "    except OSError as error: print(error.errno)\n"
        )
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        assert done.stdout.split() == ["24", "24"]

    def test_neither_side_loads_what_it_must_not(self) -> None:
        program = (
            "import sys; import {module}; names = {{name.partition('.')[0] for name in sys.modules}}"
            "; print(sorted(names & {{'av', 'django'}}))"
        )
        for module, loaded in (("media", "[]"), ("media_child", "['av']")):
            code = program.format(module=f"recordings.audio.{module}")
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
            )
            assert done.stdout.strip() == loaded


class TestToWav:
    @pytest.mark.parametrize("name", EXPECTED)
    def test_every_format_gives_the_tone_at_16_khz(
        self, samples: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        info = to_wav(samples[name], tmp_path / "a.wav", deadline_seconds=60)
        heard = read_samples(tmp_path / "a.wav")
        assert info.duration_seconds == len(heard) / SAMPLE_RATE == pytest.approx(2.0, abs=0.06)
        assert not info.truncated
        assert info.skipped_packets == 0
        middle = heard[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + SAMPLE_RATE]
        assert np.abs(np.fft.rfft(middle)).argmax() == 440
        assert middle.std() == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
        assert len(info.loudness) == -(-len(heard) // 160)
        assert np.median(info.loudness) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)

    def test_16_khz_mono_passes_unchanged(self, tmp_path: Path) -> None:
        noise = np.random.default_rng(3).integers(-32768, 32767, (1, 50_000))
        sound = (noise / 32768).astype(np.float32)
        source = make(tmp_path / "source.wav", Sample("pcm_s16le", 16_000), sound)
        to_wav(source, tmp_path / "a.wav", deadline_seconds=60)
        assert np.array_equal(read_samples(tmp_path / "a.wav"), sound[0])

    def test_all_channels_count_alike(self, tmp_path: Path) -> None:
        sound = tone(1.0, 16_000, 6) * np.array([[0], [0], [0], [0], [0], [1]], np.float32)
        source = make(tmp_path / "source.wav", Sample("pcm_s16le", 16_000, "5.1"), sound)
        to_wav(source, tmp_path / "a.wav", deadline_seconds=60)
        assert read_samples(tmp_path / "a.wav") == pytest.approx(sound[5] / 6, abs=1e-4)

    def test_audio_that_starts_late_keeps_its_place(self, tmp_path: Path) -> None:
        late = replace(SAMPLES["aac.mp4"], late=1.5)
        info = to_wav(make(tmp_path / "a.mp4", late), tmp_path / "a.wav", deadline_seconds=60)
        assert info.duration_seconds == pytest.approx(3.5, abs=0.06)
        assert info.loudness[:145].max() < 0.01 < 0.2 < info.loudness[160:300].min()

    @pytest.mark.parametrize(
        "name", ["pcm.wav", "mono.mp3", "a.flac", "opus.ogg", "aac.mkv", "a.wma", "a.aiff"]
    )
    def test_a_file_that_ends_early_is_truncated(self, tmp_path: Path, name: str) -> None:
        content = make(tmp_path / name, SAMPLES[name], 10.0).read_bytes()
        cut = put(tmp_path, content[: int(len(content) * 0.6)])
        info = to_wav(cut, tmp_path / "a.wav", deadline_seconds=60)
        assert info.truncated
        assert 4.0 < info.duration_seconds < 8.0

    def test_a_damaged_stretch_costs_only_itself(self, tmp_path: Path) -> None:
        content = make(tmp_path / "b.m4a", SAMPLES["aac.m4a"], 10.0).read_bytes()
        middle = len(content) // 2
        noise = random.Random(1).randbytes(3000)
        path = put(tmp_path, content[:middle] + noise + content[middle + 3000 :])
        info = to_wav(path, tmp_path / "a.wav", deadline_seconds=60)
        assert info.skipped_packets > 0
        assert not info.truncated
        assert info.duration_seconds == pytest.approx(10.0, abs=0.3)

    def test_tags_after_the_end_are_no_damage(
        self, samples: dict[str, Path], tmp_path: Path
    ) -> None:
        path = put(tmp_path, samples["mono.mp3"].read_bytes() + b"TAG" + b"x" * 125 + bytes(2000))
        assert not to_wav(path, tmp_path / "a.wav", deadline_seconds=60).truncated

    def test_memory_does_not_grow_with_the_length(self, hour: Path, tmp_path: Path) -> None:
        peaks, shares = [], []

        def watch(share: float) -> None:
            shares.append(share)
            peaks.extend(child.memory_info().rss for child in children())

        info = to_wav(hour, tmp_path / "a.wav", deadline_seconds=120, on_progress=watch)
        assert info.duration_seconds == 3600.0
        assert max(peaks) < 120e6
        assert shares == sorted(shares)
        assert 0 < shares[0] <= shares[-1] <= 1

    def test_a_cancelled_child_is_gone_and_leaves_nothing(self, hour: Path, tmp_path: Path) -> None:
        shares: list[float] = []
        with pytest.raises(MediaCancelled):
            to_wav(
                hour,
                tmp_path / "a.wav",
                deadline_seconds=120,
                should_stop=lambda: bool(shares),
                on_progress=shares.append,
            )
        assert not list(tmp_path.iterdir())
        assert all("once" not in child.cmdline() for child in children())


class TestLimits:
    def failure(self, source: Path, target: Path, seconds: float = 60) -> MediaError:
        with pytest.raises(MediaError) as caught:
            to_wav(source, target, deadline_seconds=seconds)
        assert not target.exists()
        return caught.value

    def test_the_deadline_ends_the_work_and_blames_nobody(self, hour: Path, tmp_path: Path) -> None:
        error = self.failure(hour, tmp_path / "a.wav", 0.4)
        assert (error.code, error.transient) == ("timeout", True)

    def test_too_much_computing_is_the_fault_of_the_file(
        self, hour: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media, "_cpu", lambda seconds: 1)
        error = self.failure(hour, tmp_path / "a.wav")
        assert (error.code, error.transient) == ("too_complex", False)

    def test_a_full_disk_is_not_the_fault_of_the_file(self, hour: Path, tmp_path: Path) -> None:
        target = tmp_path / "a.wav"
        target.symlink_to("/dev/full")
        error = self.failure(hour, target)
        assert (error.code, error.transient) == ("disk_full", True)

    def test_a_killed_child_is_not_the_fault_of_the_file(self, hour: Path, tmp_path: Path) -> None:
        def kill(share: float) -> None:
            for child in children():
                if "once" in child.cmdline():
                    child.kill()

        with pytest.raises(MediaError) as caught:
            to_wav(hour, tmp_path / "a.wav", deadline_seconds=60, on_progress=kill)
        assert (caught.value.code, caught.value.transient) == ("interrupted", True)

    def test_a_fault_in_a_decoder_is_the_fault_of_the_file(
        self, hour: Path, tmp_path: Path
    ) -> None:
        def fault(share: float) -> None:
            for child in children():
                if "once" in child.cmdline():
                    child.send_signal(signal.SIGSEGV)

        with pytest.raises(MediaError) as caught:
            to_wav(hour, tmp_path / "a.wav", deadline_seconds=60, on_progress=fault)
        assert (caught.value.code, caught.value.transient) == ("undecodable", False)

    def test_a_child_without_room_for_memory_says_so(
        self, samples: dict[str, Path], tmp_path: Path
    ) -> None:
        program = (
            "import json, sys; from recordings.audio import decoding, media_child as child\n"
            "decoding.describe = lambda file: bytes(1 << 31)\n"
            "task = {'name': 'probe', 'source': 0, 'deadline_seconds': 10, 'cpu_seconds': 5}\n"
            "child.once(task | {'file_bytes': 0})\n"
        )
        with samples["pcm.wav"].open() as source:
            done = subprocess.run(
                [sys.executable, "-c", program], stdin=source, capture_output=True, cwd=ROOT
            )
        assert done.stdout == b'{"failure": "too_complex"}\n'

    def test_a_crash_of_the_child_is_logged_and_refused(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR), pytest.raises(MediaError) as caught:
            media._result({"crash": "Traceback: KeyError"})
        assert caught.value.code == "undecodable"
        assert "KeyError" in caplog.text


class TestExtraction:
    @pytest.mark.parametrize("name", VIDEOS)
    def test_the_audio_of_a_video_is_copied_unchanged(
        self, samples: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        audio = extract_audio(samples[name], tmp_path, deadline_seconds=60)
        assert list(tmp_path.iterdir()) == [audio.path]
        assert audio.path.suffix == audio.extension
        assert audio.size_bytes == audio.path.stat().st_size
        info = probe(audio.path)
        assert (info.mime_type, info.has_video) == (audio.mime_type, False)
        assert info.audio_codec == EXPECTED[name][2]
        assert packets(audio.path) == packets(samples[name])

    @pytest.mark.parametrize(
        ("name", "extension"),
        [
            ("aac.mp4", ".m4a"),
            ("mp3.avi", ".mp3"),
            ("vp8.webm", ".ogg"),
            ("vorbis.mkv", ".ogg"),
            ("flac.mkv", ".flac"),
            ("pcm.mov", ".wav"),
            ("amr.3gp", ".amr"),
            ("ac3.mkv", ".mka"),
        ],
    )
    def test_the_container_follows_the_codec(
        self, samples: dict[str, Path], tmp_path: Path, name: str, extension: str
    ) -> None:
        assert extract_audio(samples[name], tmp_path, deadline_seconds=60).extension == extension

    def test_a_video_without_audio_leaves_nothing_behind(self, tmp_path: Path) -> None:
        source = make_silent_video(tmp_path / "a.mp4")
        with pytest.raises(MediaError) as caught:
            extract_audio(source, tmp_path, deadline_seconds=60)
        assert caught.value.code == "no_audio"
        assert list(tmp_path.iterdir()) == [source]


def packets(path: Path) -> bytes:
    """The audio packets end to end, without the framing that MPEG-TS puts around AAC."""
    with av.open(str(path)) as container:
        is_adts = container.format.name == "mpegts"
        parts = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    return b"".join(part[7:] if is_adts else part for part in parts)
