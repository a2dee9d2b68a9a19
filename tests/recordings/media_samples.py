"""Media files made for tests with PyAV's own encoders: every format that its build can write."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

CREATED = "2024-05-01T12:30:00Z"
_VIDEO_SIDE = 64


@dataclass(frozen=True)
class Sample:
    """How to make a file. `muxer` None: by the extension. `late`: when the audio starts, in s."""

    codec: str
    rate: int = 44_100
    layout: str = "mono"
    muxer: str | None = None
    video: str | None = None
    bit_rate: int | None = None
    late: float = 0.0
    muxer_options: dict[str, str] = field(default_factory=dict)


SAMPLES: dict[str, Sample] = {
    "pcm.wav": Sample("pcm_s16le"),
    "u8.wav": Sample("pcm_u8", 8_000),
    "s24.wav": Sample("pcm_s24le", 48_000, "stereo"),
    "f32.wav": Sample("pcm_f32le"),
    "ulaw.wav": Sample("pcm_mulaw", 8_000),
    "adpcm.wav": Sample("adpcm_ima_wav"),
    "six.wav": Sample("pcm_s16le", 48_000, "5.1"),
    "mono.mp3": Sample("libmp3lame"),
    "stereo.mp3": Sample("libmp3lame", 48_000, "stereo"),
    "low.mp3": Sample("libmp3lame", 8_000),
    "aac.m4a": Sample("aac", muxer="ipod"),
    "alac.m4a": Sample("alac", muxer="ipod"),
    "adts.aac": Sample("aac", muxer="adts"),
    "a.flac": Sample("flac"),
    "vorbis.ogg": Sample("vorbis", 48_000, "stereo"),
    "opus.ogg": Sample("libopus", 48_000),
    "opus.webm": Sample("libopus", 48_000),
    "mp3.mka": Sample("libmp3lame"),
    "a.wma": Sample("wmav2", muxer="asf", bit_rate=64_000),
    "nb.amr": Sample("libopencore_amrnb", 8_000, bit_rate=12_200),
    "nb.3gp": Sample("libopencore_amrnb", 8_000, bit_rate=12_200, muxer="3gp"),
    "a.aiff": Sample("pcm_s16be"),
    "alac.caf": Sample("alac"),
    "a.au": Sample("pcm_s16be"),
    "a.ac3": Sample("ac3", 48_000),
    "a.wv": Sample("wavpack"),
    "a.tta": Sample("tta"),
    "a.w64": Sample("pcm_s16le"),
    "aac.mov": Sample("aac"),
    "aac.mp4": Sample("aac", video="mpeg4"),
    "h264.mp4": Sample("aac", video="libx264"),
    "vp8.webm": Sample("libopus", 48_000, video="libvpx"),
    "aac.mkv": Sample("aac", video="mpeg4"),
    "flac.mkv": Sample("flac", video="mpeg4"),
    "vorbis.mkv": Sample("vorbis", 48_000, "stereo", video="mpeg4"),
    "ac3.mkv": Sample("ac3", 48_000, video="mpeg4"),
    "pcm.mov": Sample("pcm_s16le", video="mpeg4"),
    "mp3.avi": Sample("libmp3lame", video="mpeg4"),
    "aac.ts": Sample("aac", video="mpeg2video", muxer="mpegts"),
    "mp3.flv": Sample("libmp3lame", video="flv"),
    "mp2.mpg": Sample("mp2", video="mpeg1video", muxer="mpeg"),
    "wma.wmv": Sample("wmav2", muxer="asf", video="wmv2", bit_rate=64_000),
    "amr.3gp": Sample("libopencore_amrnb", 8_000, bit_rate=12_200, muxer="3gp", video="mpeg4"),
}


# file: media type, our extension, codec, has video
EXPECTED: dict[str, tuple[str, str, str, bool]] = {
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


def tone(seconds: float, rate: int, channels: int = 1, *, level: float = 0.3) -> np.ndarray:
    """440 Hz; float32, shape (channels, n)."""
    times = np.arange(round(seconds * rate)) / rate
    return np.tile((level * np.sin(2 * np.pi * 440 * times)).astype(np.float32), (channels, 1))


def make(path: Path, sample: Sample, sound: np.ndarray | float = 2.0) -> Path:
    """Writes a file holding `sound`: float32, shape (channels, n); or that many seconds of tone."""
    channels = av.AudioLayout(sample.layout).nb_channels
    samples = tone(sound, sample.rate, channels) if isinstance(sound, float) else sound
    with av.open(str(path), "w", format=sample.muxer, options=sample.muxer_options) as out:
        out.metadata["creation_time"] = CREATED
        video = out.add_stream(sample.video, rate=25) if sample.video else None
        audio = out.add_stream(
            sample.codec,
            rate=sample.rate,
            options={"strict": "experimental"} if sample.codec == "vorbis" else {},
        )
        audio.layout = sample.layout
        if sample.bit_rate:
            audio.codec_context.bit_rate = sample.bit_rate
        if video:
            video.width = video.height = _VIDEO_SIDE
            video.pix_fmt = "yuv420p"
            _encode_video(out, video, round(samples.shape[1] / sample.rate * 25))
        _encode_audio(out, audio, samples, sample)
    return path


def make_silent_video(path: Path) -> Path:
    """A video without any audio stream."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25)
        video.width = video.height = _VIDEO_SIDE
        video.pix_fmt = "yuv420p"
        _encode_video(out, video, 25)
    return path


def picture(codec: str = "mjpeg") -> bytes:
    """A small picture: mjpeg gives a JPEG, png a PNG."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="image2pipe") as out:
        video = out.add_stream(codec, rate=1)
        video.width = video.height = _VIDEO_SIDE
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        _encode_video(out, video, 1)
    return buffer.getvalue()


def with_cover(mp3: bytes) -> bytes:
    """The same MP3 with an ID3v2.3 tag: a cover picture, and a title that is not valid UTF-8."""
    frames = _id3(b"APIC", b"\0image/jpeg\0\x03\0" + picture())
    frames += _id3(b"TIT2", b"\x03\xff\xfe\x80\0after")
    size = len(frames)
    tag = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + tag + frames + mp3


def put(folder: Path, content: bytes, name: str = "upload.mp3") -> Path:
    """An upload with this content."""
    path = folder / name
    path.write_bytes(content)
    return path


def _id3(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "big") + b"\0\0" + body


def _encode_audio(
    out: av.container.OutputContainer, stream: av.AudioStream, samples: np.ndarray, sample: Sample
) -> None:
    resampler = av.AudioResampler(stream.codec_context.format, sample.layout, sample.rate)
    position = round(sample.late * sample.rate)
    for start in range(0, samples.shape[1], 4800):
        # Packed: PyAV 18.1 writes beyond the planes of a frame with eight or more.
        part = samples[:, start : start + 4800].T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout=sample.layout)
        frame.sample_rate, frame.pts = sample.rate, position
        frame.time_base = Fraction(1, sample.rate)
        position += frame.samples
        for converted in resampler.resample(frame):
            out.mux(stream.encode(converted))
    out.mux(stream.encode(None))


def _encode_video(out: av.container.OutputContainer, stream: av.VideoStream, count: int) -> None:
    for number in range(count):
        grey = np.full((_VIDEO_SIDE, _VIDEO_SIDE, 3), number * 9 % 255, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=stream.pix_fmt)
        frame.pts = number
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
