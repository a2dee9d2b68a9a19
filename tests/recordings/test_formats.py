"""The tables of formats agree with each other and with the libav that reads the files."""

from __future__ import annotations

import av
import pytest
from av.codec import Codec
from av.format import formats_available

from recordings.audio import formats

OPENS_OTHER_FILES = {
    "hls",
    "concat",
    "dash",
    "sdp",
    "image2",
    "lavfi",
    "rtsp",
    "imf",
    "webm_dash_manifest",
}


@pytest.mark.parametrize("demuxer", formats.DEMUXERS)
def test_every_listed_demuxer_exists(demuxer: str) -> None:
    assert av.ContainerFormat(demuxer, "r").is_input


def test_no_listed_demuxer_opens_other_files_or_pictures() -> None:
    listed = {name for names in formats.DEMUXERS for name in names.split(",")}
    pictures = {name for name in formats_available if name.endswith("_pipe")}
    assert not listed & (OPENS_OTHER_FILES | pictures)


def test_every_demuxer_leads_to_a_named_container() -> None:
    assert set(formats.DEMUXERS.values()) <= set(formats.CONTAINERS)
    assert set(formats.CONTAINERS) >= formats.STATES_DURATION


@pytest.mark.parametrize("container", formats.CONTAINERS.values())
def test_a_name_is_a_media_type_and_a_plain_extension(container: formats.Container) -> None:
    for naming in (container.naming(has_video=False), container.naming(has_video=True)):
        assert naming.mime_type.partition("/")[0] in {"audio", "video", "application"}
        assert naming.extension.startswith(".")
        assert naming.extension[1:].isalnum()


def test_video_is_told_from_audio_where_names_differ() -> None:
    assert formats.CONTAINERS["mp4"].naming(has_video=True).mime_type == "video/mp4"
    assert formats.CONTAINERS["mp4"].naming(has_video=False).mime_type == "audio/mp4"
    assert formats.CONTAINERS["mp3"].naming(has_video=True).mime_type == "audio/mpeg"


def test_every_muxer_that_audio_is_copied_to_exists_and_has_a_name() -> None:
    muxers = {*formats.COPY_MUXERS.values(), formats.FALLBACK_MUXER}
    assert muxers == set(formats.COPIED)
    assert all(av.ContainerFormat(muxer, "w").is_output for muxer in muxers)


def test_codecs_are_named_as_libav_names_them() -> None:
    for codec in formats.COPY_MUXERS:
        decoder = {"amr_nb": "amrnb", "amr_wb": "amrwb"}.get(codec, codec)
        assert Codec(decoder, "r").canonical_name == codec


def test_the_video_extensions_are_those_of_the_api_reference() -> None:
    assert " ".join(sorted(formats.VIDEO_EXTENSIONS)) == (
        ".avi .flv .m4v .mkv .mov .mp4 .mts .ts .webm .wmv"
    )
