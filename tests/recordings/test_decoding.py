"""What comes out of a file: the sound at 16 kHz in its place, or its audio stream unchanged."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from recordings.audio.media import MediaError, extract_audio, probe, to_wav
from recordings.audio.wav import SAMPLE_RATE, read_samples
from tests.recordings.media_samples import (
    EXPECTED,
    SAMPLES,
    Sample,
    make,
    make_silent_video,
    put,
    tone,
)

VIDEOS = [name for name, expected in EXPECTED.items() if expected[3]]


class TestToWav:
    @pytest.mark.parametrize("name", EXPECTED)
    def test_every_format_gives_the_tone_at_16_khz(
        self, media_files: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        info = to_wav(media_files[name], tmp_path / "a.wav", deadline_seconds=60)
        heard = read_samples(tmp_path / "a.wav")
        assert info.duration_seconds == len(heard) / SAMPLE_RATE == pytest.approx(2.0, abs=0.06)
        assert not info.truncated
        assert info.skipped_packets == 0
        middle = heard[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + SAMPLE_RATE]
        assert np.abs(np.fft.rfft(middle)).argmax() == 440
        assert middle.std() == pytest.approx(0.3 / np.sqrt(2), rel=0.3)
        assert len(info.loudness) == -(-len(heard) // 160)
        assert np.median(info.loudness) == pytest.approx(middle.std(), rel=0.05)

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

    @pytest.mark.parametrize("codec", ["pcm_s16le", "wavpack"])
    @pytest.mark.parametrize("channels", [8, 9, 16])
    def test_a_recorder_with_many_tracks_is_heard(
        self, tmp_path: Path, codec: str, channels: int
    ) -> None:
        sound = tone(1.0, 16_000, channels, level=0.9)
        sample = Sample(codec, 16_000, f"{channels}C", muxer="matroska")
        info = to_wav(make(tmp_path / "a", sample, sound), tmp_path / "b", deadline_seconds=60)
        assert info.duration_seconds == pytest.approx(1.0)
        assert np.median(info.loudness) == pytest.approx(0.9 / np.sqrt(2), rel=0.02)

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
        self, media_files: dict[str, Path], tmp_path: Path
    ) -> None:
        tags = b"TAG" + b"x" * 125 + bytes(2000)
        path = put(tmp_path, media_files["mono.mp3"].read_bytes() + tags)
        assert not to_wav(path, tmp_path / "a.wav", deadline_seconds=60).truncated


class TestExtraction:
    @pytest.mark.parametrize("name", VIDEOS)
    def test_the_audio_of_a_video_is_copied_unchanged(
        self, media_files: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        audio = extract_audio(media_files[name], tmp_path, deadline_seconds=60)
        assert list(tmp_path.iterdir()) == [audio.path]
        assert audio.path.suffix == audio.extension
        assert audio.size_bytes == audio.path.stat().st_size
        info = probe(audio.path)
        assert (info.mime_type, info.has_video) == (audio.mime_type, False)
        assert info.audio_codec == EXPECTED[name][2]
        assert packets(audio.path) == packets(media_files[name])

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
        self, media_files: dict[str, Path], tmp_path: Path, name: str, extension: str
    ) -> None:
        audio = extract_audio(media_files[name], tmp_path, deadline_seconds=60)
        assert audio.extension == extension

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
