"""Opens a video that a stranger has made: as a file alone, never as a list of others."""

from pathlib import Path

import av
from av.container import InputContainer

FORMATS = "mov,matroska,ogg,avi,mpegts,mpeg,flv,wav,mp3,aac,flac"
"""FFmpeg's names. Playlists (concat, hls, dash) are not among them: they have FFmpeg read what they name."""


def open_video(path: Path) -> InputContainer:
    """The opened file.

    Raises:
        av.FFmpegError: it is none of FORMATS, or damaged.
    """
    return av.open(str(path), "r", options={"format_whitelist": FORMATS})
