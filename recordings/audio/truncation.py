"""Signs in the bytes of a file that its end is missing, where libav hides them."""

from __future__ import annotations

import io
from typing import BinaryIO

_UNKNOWN_SIZE = 0x7FFFF000  # writers that could not go back put this, or more, in a RIFF header
_TAIL = 1 << 17


def declares_more(file: BinaryIO) -> bool:
    """A WAV, AVI or AIFF whose header promises more bytes than there are."""
    head = _read(file, 0, 8)
    if head[:4] == b"RIFF":
        declared = int.from_bytes(head[4:], "little")
    elif head[:4] == b"FORM":
        declared = int.from_bytes(head[4:], "big")
    else:
        return False
    # One byte of padding is often forgotten.
    return declared < _UNKNOWN_SIZE and declared + 8 > _size(file) + 1


def lacks_last_ogg_page(file: BinaryIO) -> bool:
    """An Ogg file whose last page is not marked as the end of its stream. RFC 3533 section 6."""
    if _read(file, 0, 4) != b"OggS":
        return False
    tail = _read(file, max(0, _size(file) - _TAIL), _TAIL)
    page = tail.rfind(b"OggS\0")
    return page < 0 or not tail[page + 5 : page + 6] or not tail[page + 5] & 0x04


def has_vbr_header(file: BinaryIO) -> bool:
    """An MP3 whose first frame states the length of the whole (Xing, Info or VBRI)."""
    head = _read(file, 0, 10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:
        for byte in head[6:]:
            start = start << 7 | byte & 0x7F
        start += 10
    first = _read(file, start, 4096)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _read(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)
