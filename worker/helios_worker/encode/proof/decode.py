"""Decodes frames only to prove that they can be decoded."""

from typing import Final

import av

DECODE_OPTIONS: Final = {
    "err_detect": "explode",  # by default a damaged picture is patched from its neighbours and passes
    "skip_loop_filter": "all",  # the pictures are not used; saves a seventh of the time
}


class ProvingDecoder:
    """Decodes packets and drops the pictures.

    errors: the decoder's messages, each once. A decoder with threads reports late, so the damaged frame is known by the
    frame that is missing in its output.
    """

    def __init__(self, context: av.VideoCodecContext, *, threads: int) -> None:
        self._context = context
        context.thread_type = "AUTO"
        context.thread_count = threads
        context.options = dict(DECODE_OPTIONS)
        self.errors: list[str] = []

    def feed(self, packet: "av.Packet[av.VideoStream] | None") -> list[int | None]:
        """Timestamps of the undamaged frames that come out for `packet`; None flushes the decoder at the end."""
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError as error:
            message = error.strerror or str(error)
            if message not in self.errors:
                self.errors.append(message)
            return []
        return [frame.pts for frame in frames if not frame.is_corrupt]
