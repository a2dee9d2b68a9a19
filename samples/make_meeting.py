"""Makes meeting.flac, a conversation of two synthetic voices, and meeting.txt, what they say.

Needs Debian's `flite` with the voices slt and rms. Running it again gives the same two files.
Not a part of the product: `python samples/make_meeting.py`.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import av
import numpy as np

FOLDER = Path(__file__).resolve().parent
SAMPLE_RATE = 16_000

# (voice, what it says, seconds of silence before it). Julia speaks as slt, Robert as rms.
TURNS = (
    ("slt", "Good morning, Robert. Thank you for coming to the planning meeting.", 0.4),
    ("rms", "Hello, Julia. What do we have to decide today?", 0.5),
    ("slt", "We must find a day for the workshop with our new customer.", 0.6),
    ("rms", "How about Tuesday, the eighth of December, at ten o'clock?", 0.4),
    ("slt", "That works for me. The workshop will take about three hours.", 0.5),
    ("rms", "Then I will book the library in the Berlin office.", 0.45),
    ("slt", "Good. Who will prepare the slides and the budget?", 0.7),
    ("rms", "I will send you the budget by Friday afternoon.", 0.4),
    ("slt", "I will write the slides and invite the customer tomorrow.", 0.55),
    ("rms", "Please ask Maria to order lunch for twelve people.", 0.5),
    ("slt", "I will call her today. Is there anything else?", 0.4),
    ("rms", "No, that is all. See you on Tuesday, Julia.", 0.6),
)


def main() -> None:
    parts = []
    for voice, text, silence_seconds in TURNS:
        parts.append(np.zeros(round(silence_seconds * SAMPLE_RATE), np.int16))
        parts.append(trimmed(spoken(voice, text)))
    parts.append(np.zeros(SAMPLE_RATE // 2, np.int16))
    write_flac(FOLDER / "meeting.flac", np.concatenate(parts))
    lines = "".join(f"{voice}: {text}\n" for voice, text, _ in TURNS)
    (FOLDER / "meeting.txt").write_text(lines, encoding="utf-8")


def spoken(voice: str, text: str) -> np.ndarray:
    """int16 mono at 16 kHz, as flite says it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "turn.wav"
        command = ["flite", "-voice", voice, "-t", text, "-o", str(path)]
        subprocess.run(command, check=True)
        with wave.open(str(path), "rb") as wav:
            if (wav.getframerate(), wav.getnchannels()) != (SAMPLE_RATE, 1):
                raise SystemExit(f"flite gave another format for the voice {voice}")
            return np.frombuffer(wav.readframes(wav.getnframes()), np.int16)


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Without flite's own silence at both ends, so that the gaps are the ones in TURNS."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 200)
    return samples[loud[0] : loud[-1] + 1]


def write_flac(path: Path, samples: np.ndarray) -> None:
    # bitexact keeps the encoder's version out of the file.
    with av.open(str(path), "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(
            "flac", rate=SAMPLE_RATE, layout="mono", options={"compression_level": "12"}
        )
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


if __name__ == "__main__":
    main()
