"""Decoding only to see that it can be done: which frames come out, and what went wrong."""

from typing import Final

import av

DECODE_OPTIONS: Final = {
    "err_detect": "explode",  # by default a damaged picture is patched from its neighbours and passes
    "skip_loop_filter": "all",  # nobody looks at the pictures; a seventh of the time
}


class ProvingDecoder:
    """Decodes packets and keeps nothing of the pictures.

    errors: what the decoder said, each thing once. It says so late when it has threads, so which frame was
    damaged is known by the frame that does not come out.
    """

    def __init__(self, context: av.VideoCodecContext, *, threads: int) -> None:
        self._context = context
        context.thread_type = "AUTO"
        context.thread_count = threads
        context.options = dict(DECODE_OPTIONS)
        self.errors: list[str] = []

    def feed(self, packet: "av.Packet[av.VideoStream] | None") -> list[int | None]:
        """Timestamps of the sound frames that come out for `packet`; None flushes the decoder at the end."""
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError as error:
            said = error.strerror or str(error)
            if said not in self.errors:
                self.errors.append(said)
            return []
        return [frame.pts for frame in frames if not frame.is_corrupt]
