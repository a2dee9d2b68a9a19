"""Untrusted media at the door: what a file is taken for, and which files are refused."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from recordings.audio.media import MediaError, extract_audio, probe, to_wav
from recordings.audio.media_types import SENTENCES
from tests.recordings import media_samples
from tests.recordings.media_samples import (
    EXPECTED,
    SAMPLES,
    make,
    make_silent_video,
    picture,
    put,
    with_cover,
)


def refusal(path: Path) -> MediaError:
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert str(caught.value) == SENTENCES[caught.value.code]
    return caught.value


class TestProbe:
    @pytest.mark.parametrize("name", EXPECTED)
    def test_it_names_a_file_by_its_bytes(
        self, media_files: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        path = put(tmp_path, media_files[name].read_bytes(), "upload.bin")
        info = probe(path)
        found = (info.mime_type, info.extension, info.audio_codec, info.has_video)
        assert found == EXPECTED[name]
        assert info.sample_rate == SAMPLES[name].rate
        assert info.channels == av.AudioLayout(SAMPLES[name].layout).nb_channels
        assert info.duration_seconds == pytest.approx(2.0, abs=0.1)

    @pytest.mark.parametrize("name", ["-i.wav", "concat:a.wav|b.wav", "http:a.mp3", "%03d.png"])
    def test_a_file_name_is_only_a_name(
        self, media_files: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        path = put(tmp_path, media_files["aac.m4a"].read_bytes(), name)
        assert probe(path).mime_type == "audio/mp4"

    def test_a_cover_picture_is_not_video(
        self, media_files: dict[str, Path], tmp_path: Path
    ) -> None:
        path = put(tmp_path, with_cover(media_files["mono.mp3"].read_bytes()))
        with av.open(str(path), metadata_errors="replace") as container:
            assert container.streams.video  # the cover is there to be mistaken
        assert not probe(path).has_video
        assert to_wav(path, tmp_path / "a.wav", deadline_seconds=60).duration_seconds > 1.9

    @pytest.mark.parametrize("name", ["aac.m4a", "aac.mp4", "opus.webm"])
    def test_the_creation_tag_is_utc(self, media_files: dict[str, Path], name: str) -> None:
        assert probe(media_files[name]).created_at == datetime(2024, 5, 1, 12, 30, tzinfo=UTC)

    def test_a_file_without_a_creation_tag_has_none(self, media_files: dict[str, Path]) -> None:
        assert probe(media_files["pcm.wav"]).created_at is None

    @pytest.mark.parametrize("tag", ["9999-12-31T23:59:59-14:00", "2201-01-01T00:00:00Z"])
    def test_a_creation_tag_from_beyond_the_calendar_is_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str
    ) -> None:
        monkeypatch.setattr(media_samples, "CREATED", tag)
        path = media_samples.make(tmp_path / "a.flac", SAMPLES["a.flac"])
        assert probe(path).created_at is None

    def test_silence_is_accepted(self, tmp_path: Path) -> None:
        silence = np.zeros((1, 32_000), np.float32)
        path = make(tmp_path / "a.mp3", SAMPLES["low.mp3"], silence)
        assert probe(path).mime_type == "audio/mpeg"
        assert to_wav(path, tmp_path / "a.wav", deadline_seconds=60).loudness.max() == 0.0

    @pytest.mark.parametrize("part", [0.6, 0.9])
    @pytest.mark.parametrize("name", ["mono.mp3", "pcm.wav", "a.flac", "opus.webm", "opus.ogg"])
    def test_a_truncated_file_that_decodes_is_accepted(
        self, media_files: dict[str, Path], tmp_path: Path, name: str, part: float
    ) -> None:
        content = media_files[name].read_bytes()
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
        self, media_files: dict[str, Path], tmp_path: Path
    ) -> None:
        content = media_files["pcm.wav"].read_bytes()
        header = content[: content.index(b"data") + 4] + bytes(4)
        assert refusal(put(tmp_path, header)).code == "no_audio"

    def test_an_unknown_codec_is_refused(
        self, media_files: dict[str, Path], tmp_path: Path
    ) -> None:
        content = bytearray(media_files["pcm.wav"].read_bytes())
        content[20:22] = b"\x99\x99"
        assert refusal(put(tmp_path, bytes(content))).code == "unknown_codec"

    def test_an_mp4_without_its_index_is_refused(
        self, media_files: dict[str, Path], tmp_path: Path
    ) -> None:
        content = media_files["aac.m4a"].read_bytes()
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
    @pytest.mark.parametrize("name", ["a.m3u8", "a.mp3"])
    def test_a_file_cannot_reach_another_file(
        self, media_files: dict[str, Path], tmp_path: Path, playlist: str, name: str
    ) -> None:
        text = playlist.format(other=media_files["aac.ts"])
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
