"""What libav does with an untrusted file: describe it, copy its audio, decode it.

Works on open file objects, never on names. Runs only in a child: `media_child.py` sets the limits
before it calls in here, and nothing else imports this module. No Django.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import av.subtitles.stream  # noqa: F401  # PyAV imports it late, when no file can be opened any more
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import Codec, codecs_available
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from recordings.audio import formats
from recordings.audio.timeline import Timeline
from recordings.audio.truncation import declares_more, has_vbr_header, lacks_last_ogg_page
from recordings.audio.wav import SAMPLE_RATE, WavSink

Report = Callable[[float], None]

LONGEST_SECONDS = 24 * 3600
_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_BAD_PACKETS_AT_START = 50
_BAD_READS = 100


class MediaFailure(Exception):
    """The file cannot be used. `code` is a key of `media_types.SENTENCES`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Source:
    """A file object without a name, so that libav judges the file by its bytes alone."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read, self.tell = file.read, file.tell

    def seek(self, offset: int, whence: int) -> int:
        """Where a damaged index sends libav may lie before the file; -1 tells it so."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, OverflowError):
            return -1


def describe(file: BinaryIO) -> dict[str, Any]:
    """The facts of a file whose audio really decodes; keys as in `media.MediaInfo`, minus names.

    Raises MediaFailure.
    """
    container = _open(file)
    stream = _audio_stream(container)
    frame = _first_frame(container, stream)
    return {
        "container": _container_name(container, file),
        "audio_codec": stream.codec_context.codec.canonical_name,
        "duration_seconds": _duration(container, stream),
        "sample_rate": frame.sample_rate,
        "channels": frame.layout.nb_channels,
        "has_video": _has_video(container),
        "created_at": container.metadata.get("creation_time"),
    }


def copy_audio(file: BinaryIO, target: BinaryIO) -> dict[str, Any]:
    """Copies the packets of the first audio stream to `target` unchanged; gives the muxer chosen.

    Raises MediaFailure.
    """
    container = _open(file)
    stream = _audio_stream(container)
    codec = stream.codec_context.codec.canonical_name
    muxer = formats.COPY_MUXERS.get(codec, formats.FALLBACK_MUXER)
    start = round(_start_seconds(container) / (stream.time_base or 1))
    try:
        with av.open(target, "w", format=muxer) as copy:
            copied = copy.add_stream_from_template(stream)
            for packet in _packets(container, [stream], _Tally()):
                packet.pts = None if packet.pts is None else packet.pts - start
                packet.dts = None if packet.dts is None else packet.dts - start
                packet.stream = copied
                copy.mux(packet)
    except av.error.MemoryError:
        raise
    except (av.FFmpegError, ValueError) as error:
        raise MediaFailure("cannot_extract") from error
    return {"muxer": muxer}


def decode(file: BinaryIO, target: BinaryIO, loudness: BinaryIO, report: Report) -> dict[str, Any]:
    """Writes 16 kHz mono 16-bit WAV to `target` and float32 loudness per 10 ms to `loudness`.

    Memory stays flat whatever the length. `report` gets the share done, in [0, 1].
    Raises MediaFailure.
    """
    container = _open(file)
    stream = _audio_stream(container)
    name = _container_name(container, file)
    duration = _duration(container, stream)
    size = os.fstat(file.fileno()).st_size
    tally = _Tally()
    with WavSink(target, loudness) as sink:
        line = Timeline(sink, start=_start_seconds(container))
        for frame, at in _frames(container, stream, tally):
            _on_line(line.add, frame, at)
            if line.seconds > LONGEST_SECONDS:
                raise MediaFailure("too_long")
            share = line.seconds / duration if duration else file.tell() / size
            report(min(share, 1.0))
        _on_line(line.flush)
    if not line.frames:
        raise MediaFailure("undecodable" if tally.skipped else "no_audio")
    return {
        "duration_seconds": sink.samples / SAMPLE_RATE,
        "skipped_packets": tally.skipped,
        "truncated": _is_truncated(container, file, name, tally),
    }


def _on_line(step: Callable[..., None], *arguments: Any) -> None:
    try:
        step(*arguments)
    except av.error.MemoryError:
        raise
    except av.FFmpegError as error:  # a rate or a number of samples that no resampler takes
        raise MediaFailure("undecodable") from error


def _is_truncated(container: InputContainer, file: BinaryIO, name: str, tally: _Tally) -> bool:
    """Whether the file ends before it should, as far as its kind lets that be known."""
    if declares_more(file) or lacks_last_ogg_page(file):
        return True
    states_duration = name in formats.STATES_DURATION or (name == "mp3" and has_vbr_header(file))
    if not states_duration or not container.duration:
        return tally.ends_badly
    duration = container.duration / av.time_base
    missing = duration + _start_seconds(container) - tally.last_seconds
    # Headers are rounded by up to a frame, and players' tags after the end do not decode.
    return missing > (0.1 if tally.ends_badly else max(1.0, 0.01 * duration))


def _open(file: BinaryIO) -> InputContainer:
    try:
        return av.open(
            _Source(file),
            mode="r",
            metadata_errors="replace",
            io_open=_refuse_second_file,
            container_options={
                "format_whitelist": ",".join(formats.DEMUXERS),
                "codec_whitelist": _AUDIO_DECODERS,
                "protocol_whitelist": "none",
            },
        )
    except av.error.MemoryError:
        raise
    except av.FFmpegError as error:
        raise MediaFailure("undecodable") from error


def _refuse_second_file(url: str, flags: int, options: dict[str, str]) -> None:
    raise MediaFailure("undecodable")


def _audio_decoders() -> str:
    names = []
    for name in codecs_available:
        try:
            if Codec(name, "r").type == "audio":
                names.append(name)
        except ValueError:  # encoders only
            continue
    return ",".join(sorted(names))


# Video, subtitles and pictures are never decoded, not even to guess their size.
_AUDIO_DECODERS = _audio_decoders()


def _audio_stream(container: InputContainer) -> AudioStream:
    """The first audio stream that can be decoded."""
    if not container.streams.audio:
        raise MediaFailure("no_audio")
    for stream in container.streams.audio:
        if stream.codec_context is not None:
            stream.codec_context.thread_count = 1
            return stream
    raise MediaFailure("unknown_codec")


def _has_video(container: InputContainer) -> bool:
    return any(not stream.disposition & _PICTURE for stream in container.streams.video)


def _container_name(container: InputContainer, file: BinaryIO) -> str:
    demuxer = container.format.name
    if demuxer == formats.MOV_DEMUXER:
        brand = container.metadata.get("major_brand", "")
        if brand.startswith("3g"):
            return "3gpp"
        return "quicktime" if brand.strip() == "qt" or not brand else "mp4"
    if demuxer == formats.MATROSKA_DEMUXER:
        position = file.tell()
        file.seek(0)
        # DocType, EBML id 0x4282: RFC 8794 section 11.2.7.
        is_webm = b"\x42\x82\x84webm" in file.read(512)
        file.seek(position)
        return "webm" if is_webm else "matroska"
    return formats.DEMUXERS[demuxer]


def _duration(container: InputContainer, stream: AudioStream) -> float | None:
    if container.duration is not None and container.duration > 0:
        return container.duration / av.time_base
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return None


def _start_seconds(container: InputContainer) -> float:
    return (container.start_time or 0) / av.time_base


def _first_frame(container: InputContainer, stream: AudioStream) -> AudioFrame:
    tally = _Tally()
    for frame, _ in _frames(container, stream, tally, give_up_after=_BAD_PACKETS_AT_START):
        return frame
    raise MediaFailure("undecodable" if tally.skipped else "no_audio")


@dataclass(slots=True)
class _Tally:
    """What was met on the way through a file."""

    skipped: int = 0
    ends_badly: bool = False
    last_seconds: float = 0.0  # the latest end of any packet, audio or video

    def bad(self) -> None:
        self.skipped += 1
        self.ends_badly = True


def _packets(
    container: InputContainer, streams: list[Stream], tally: _Tally
) -> Iterator[Packet[Any]]:
    """Packets in file order. A stretch that cannot be read is counted and stepped over."""
    for _ in range(_BAD_READS):
        try:
            for packet in container.demux(streams):
                if not packet.size:  # PyAV's own mark for the end
                    continue
                if packet.pts is not None:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    tally.last_seconds = max(tally.last_seconds, end)
                yield packet
            return
        except av.error.MemoryError:
            raise
        except av.FFmpegError:
            tally.bad()


def _frames(
    container: InputContainer,
    stream: AudioStream,
    tally: _Tally,
    *,
    give_up_after: int | None = None,
) -> Iterator[tuple[AudioFrame, float | None]]:
    """Decoded audio and where it belongs in seconds (None: right after what came before)."""
    streams = [stream, *container.streams.video]
    for packet in _packets(container, streams, tally):
        if packet.stream_index != stream.index:
            continue
        if give_up_after is not None and tally.skipped >= give_up_after:
            return
        try:
            frames = stream.codec_context.decode(packet)
        except av.error.MemoryError:
            raise
        except av.FFmpegError:
            tally.bad()
            continue
        at = None if packet.pts is None else float(packet.pts * packet.time_base)
        for frame in frames:
            if frame.sample_rate <= 0 or not frame.layout.nb_channels:
                tally.bad()
                continue
            tally.ends_badly = False
            yield frame, at if frame.time is None else frame.time
            at = None
    try:
        rest = stream.codec_context.decode(None)
    except av.error.MemoryError:
        raise
    except av.FFmpegError:
        return
    for frame in rest:
        yield frame, frame.time
