"""Tables of media formats: what may be opened, what it is called, where its audio is copied to.

Names of demuxers, muxers and codecs are libav's. No code that opens anything lives here.
"""

from __future__ import annotations

from dataclasses import dataclass

# Decides the size limit before the file has been looked into. API reference, Upload Recording.
VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".wmv", ".flv", ".ts", ".mts"}
)


@dataclass(frozen=True, slots=True)
class Naming:
    """What a kind of file is called: its media type, and our extension for it (with the dot)."""

    mime_type: str
    extension: str


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file. `video` is None where one name serves both, or where it never holds video."""

    audio: Naming
    video: Naming | None = None

    def naming(self, *, has_video: bool) -> Naming:
        return self.video if has_video and self.video else self.audio


CONTAINERS: dict[str, Container] = {
    "aac": Container(Naming("audio/aac", ".aac")),
    "ac3": Container(Naming("audio/ac3", ".ac3")),
    "aiff": Container(Naming("audio/aiff", ".aiff")),
    "amr": Container(Naming("audio/amr", ".amr")),
    "ape": Container(Naming("audio/x-ape", ".ape")),
    "asf": Container(Naming("audio/x-ms-wma", ".wma"), Naming("video/x-ms-wmv", ".wmv")),
    "au": Container(Naming("audio/basic", ".au")),
    "avi": Container(Naming("video/x-msvideo", ".avi")),
    "caf": Container(Naming("audio/x-caf", ".caf")),
    "dss": Container(Naming("audio/x-dss", ".dss")),
    "dts": Container(Naming("audio/vnd.dts", ".dts")),
    "eac3": Container(Naming("audio/eac3", ".eac3")),
    "flac": Container(Naming("audio/flac", ".flac")),
    "flv": Container(Naming("video/x-flv", ".flv")),
    "3gpp": Container(Naming("audio/3gpp", ".3gp"), Naming("video/3gpp", ".3gp")),
    "matroska": Container(Naming("audio/x-matroska", ".mka"), Naming("video/x-matroska", ".mkv")),
    "mp3": Container(Naming("audio/mpeg", ".mp3")),
    "mp4": Container(Naming("audio/mp4", ".m4a"), Naming("video/mp4", ".mp4")),
    "mpeg": Container(Naming("video/mpeg", ".mpg")),
    "mpegts": Container(Naming("video/mp2t", ".ts")),
    "mxf": Container(Naming("application/mxf", ".mxf")),
    "musepack": Container(Naming("audio/x-musepack", ".mpc")),
    "ogg": Container(Naming("audio/ogg", ".ogg"), Naming("video/ogg", ".ogv")),
    "quicktime": Container(Naming("video/quicktime", ".mov")),
    "realmedia": Container(
        Naming("audio/vnd.rn-realaudio", ".ra"), Naming("application/vnd.rn-realmedia", ".rm")
    ),
    "tta": Container(Naming("audio/x-tta", ".tta")),
    "voc": Container(Naming("audio/x-voc", ".voc")),
    "wav": Container(Naming("audio/wav", ".wav")),
    "wave64": Container(Naming("audio/x-w64", ".w64")),
    "wavpack": Container(Naming("audio/x-wavpack", ".wv")),
    "webm": Container(Naming("audio/webm", ".webm"), Naming("video/webm", ".webm")),
}

MOV_DEMUXER = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA_DEMUXER = "matroska,webm"

# The only demuxers that an upload may reach. Whatever opens a second file (hls, concat, dash, sdp)
# or draws a picture is absent. The two families are told apart further by what the file says.
DEMUXERS: dict[str, str] = {
    "aac": "aac",
    "ac3": "ac3",
    "aiff": "aiff",
    "amr": "amr",
    "amrnb": "amr",
    "amrwb": "amr",
    "ape": "ape",
    "asf": "asf",
    "au": "au",
    "avi": "avi",
    "caf": "caf",
    "dss": "dss",
    "dts": "dts",
    "eac3": "eac3",
    "flac": "flac",
    "flv": "flv",
    "loas": "aac",
    MATROSKA_DEMUXER: "matroska",
    MOV_DEMUXER: "mp4",
    "mp3": "mp3",
    "mpc": "musepack",
    "mpc8": "musepack",
    "mpeg": "mpeg",
    "mpegts": "mpegts",
    "mxf": "mxf",
    "ogg": "ogg",
    "rm": "realmedia",
    "tta": "tta",
    "voc": "voc",
    "w64": "wave64",
    "wav": "wav",
    "wv": "wavpack",
}

# Containers whose header states how long the recording is, rather than a guess from its size.
STATES_DURATION = frozenset(
    {"asf", "caf", "flac", "flv", "3gpp", "matroska", "mp4", "quicktime", "tta", "wavpack", "webm"}
)

# Where packets can be copied to unchanged: codec -> muxer; every other codec goes to Matroska.
COPY_MUXERS: dict[str, str] = {
    "aac": "ipod",
    "adpcm_ima_wav": "wav",
    "adpcm_ms": "wav",
    "amr_nb": "amr",
    "amr_wb": "amr",
    "alac": "ipod",
    "flac": "flac",
    "mp3": "mp3",
    "opus": "ogg",
    "pcm_alaw": "wav",
    "pcm_f32le": "wav",
    "pcm_mulaw": "wav",
    "pcm_s16le": "wav",
    "pcm_s24le": "wav",
    "pcm_s32le": "wav",
    "pcm_u8": "wav",
    "speex": "ogg",
    "vorbis": "ogg",
    "wmalossless": "asf",
    "wmapro": "asf",
    "wmav1": "asf",
    "wmav2": "asf",
    "wmavoice": "asf",
}
FALLBACK_MUXER = "matroska"

COPIED: dict[str, Naming] = {
    "amr": CONTAINERS["amr"].audio,
    "asf": CONTAINERS["asf"].audio,
    "flac": CONTAINERS["flac"].audio,
    "ipod": CONTAINERS["mp4"].audio,
    "matroska": CONTAINERS["matroska"].audio,
    "mp3": CONTAINERS["mp3"].audio,
    "ogg": CONTAINERS["ogg"].audio,
    "wav": CONTAINERS["wav"].audio,
}
