"""Whether the videos and sounds beside a page can be played, and how far apart their key frames are."""

from pathlib import Path, PurePosixPath

import av

from helios_worker.checking.findings import Finding
from helios_worker.checking.rules import RULES
from helios_worker.encode.video_file import open_video

SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".ogv", ".avi"})
PLAYED = frozenset({"h264", "vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9", "theora"})
FAR_APART = 60
PACKETS_READ = 600


def probe(path: str, file: Path, place: tuple[str, int]) -> list[Finding]:
    """What there is to say about one video. path: as its author names it. file: its bytes. place: that names it."""
    try:
        with open_video(file) as container:
            if not container.streams.video:
                return []
            stream = container.streams.video[0]
            codec = stream.codec_context.name
            if codec not in PLAYED:
                return [
                    RULES["codec"].found(*place, f"{path} is a video that Chromium cannot play: its codec is {codec}")
                ]
            furthest = longest = 0
            for count, packet in enumerate(container.demux(stream)):
                longest = 0 if packet.is_keyframe else longest + 1
                furthest = max(furthest, longest)
                if count >= PACKETS_READ:
                    break
    except av.FFmpegError:
        return [RULES["codec"].found(*place, f"{path} is a video that cannot be read")]
    if furthest < FAR_APART:
        return []
    return [RULES["key-frames"].found(*place, f"{path} is a video with {furthest} pictures after a key frame")]


def is_video(path: str) -> bool:
    """Whether a file is a video by its name."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES
