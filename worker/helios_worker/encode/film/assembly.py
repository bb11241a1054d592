"""Joining pieces (units into a segment, segments into the film) by copying packets, never encoding again."""

from pathlib import Path

import av

from helios_worker.encode.audio.copy import AudioCopy
from helios_worker.encode.mp4.output import open_output, write_errors
from helios_worker.encode.mp4.parameters import CodecParameters
from helios_worker.encode.mp4.track import TrackReader, TrackWriter
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.errors import EncodeError, SegmentMismatch


class Assembly:
    """An MP4 under construction. The first piece sets the codec parameters, all others must equal it.

    frames, pieces: how many are in it. Memory does not grow with them, but for the index's few dozen bytes a
    frame.
    """

    def __init__(self, path: Path, settings: EncoderSettings, *, audio: AudioCopy | None = None) -> None:
        self.frames = 0
        self.pieces = 0
        self.parameters: CodecParameters | None = None
        self._path = path
        self._settings = settings
        self._audio = audio
        self._track: TrackWriter | None = None
        with write_errors(path):
            self._container = open_output(
                path, settings.fps, faststart=True, sample_rate=audio.sample_rate if audio else None
            )

    def append(self, piece: TrackReader, *, expected: int) -> None:
        """Copy the packets of the next piece; its frame 0 becomes this file's next frame.

        Raises CorruptSegment if the piece breaks off, SegmentMismatch if it does not fit.
        """
        track = self._track or self._begin(piece)
        self._compare(piece.parameters)
        start, copied = self.frames, 0
        for item in piece.packets():
            with write_errors(self._path):
                if self._audio is not None:
                    self._audio.copy_until((start + copied) * self._settings.time_base)
                track.write(item.packet, start + item.frame)
            copied += 1
        if copied != expected:
            raise SegmentMismatch(self.pieces, f"{piece.name} holds {copied} frames, the plan says {expected}")
        self.frames += copied
        self.pieces += 1

    def close(self) -> None:
        """Write the index; only then is it a file that plays."""
        if self.parameters is None:
            raise EncodeError(f"nothing was put into {self._path}")
        with write_errors(self._path):
            if self._audio is not None:
                self._audio.copy_until(None)
            self._container.close()

    def abandon(self) -> None:
        """Give up: nothing is left on disk."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            pass  # most likely what made us give up
        finally:
            self._path.unlink(missing_ok=True)

    def _begin(self, piece: TrackReader) -> TrackWriter:
        # opaque: take the stream as it is; otherwise PyAV looks for an encoder of its codec.
        stream = self._container.add_stream_from_template(piece.stream, opaque=True)
        stream.time_base = self._settings.time_base
        stream.codec_context.codec_tag = self._settings.row.mp4_tag
        stream.codec_context.bit_rate = 0  # the first piece's own: it would show how pieces were grouped
        if self._audio is not None:
            self._audio.attach(self._container)
        self.parameters = piece.parameters
        self._track = TrackWriter(self._container, stream, self._settings.fps, piece.parameters.reorder_depth)
        return self._track

    def _compare(self, parameters: CodecParameters) -> None:
        if self.parameters is not None and (differences := self.parameters.differences(parameters)):
            raise SegmentMismatch(self.pieces, f"codec parameters differ from segment 0: {'; '.join(differences)}")
