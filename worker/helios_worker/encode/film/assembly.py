"""Joins pieces (units to a segment, segments to the film) by copying packets, without encoding again."""

from pathlib import Path

import av

from helios_worker.encode.audio.copy import AudioCopy
from helios_worker.encode.mp4.output import open_output, write_errors
from helios_worker.encode.mp4.parameters import CodecParameters
from helios_worker.encode.mp4.track import TrackReader, TrackWriter
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.errors import EncodeError, SegmentMismatch


class Assembly:
    """An MP4 under construction. The first piece sets the codec parameters; all others must have the same.

    frames, pieces: their numbers so far. Memory grows only by the index's few dozen bytes for each frame.
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
        """Copies the packets of the next piece, whose frame 0 becomes this file's next frame.

        Raises:
            CorruptSegment: the piece is cut off.
            SegmentMismatch: its parameters or its number of frames differ from what is expected.
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
        """Writes the index. Before that the file does not play."""
        if self.parameters is None:
            raise EncodeError(f"nothing was put into {self._path}")
        with write_errors(self._path):
            if self._audio is not None:
                self._audio.copy_until(None)
            self._container.close()

    def abandon(self) -> None:
        """Closes and removes the unfinished file."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            pass  # most likely the error that made the caller give up
        finally:
            self._path.unlink(missing_ok=True)

    def _begin(self, piece: TrackReader) -> TrackWriter:
        # opaque: copies the stream's parameters; without it PyAV looks for an encoder of the codec.
        stream = self._container.add_stream_from_template(piece.stream, opaque=True)
        stream.time_base = self._settings.time_base
        stream.codec_context.codec_tag = self._settings.row.mp4_tag
        stream.codec_context.bit_rate = 0  # the first piece's rate would show how units were grouped
        if self._audio is not None:
            self._audio.attach(self._container)
        self.parameters = piece.parameters
        self._track = TrackWriter(self._container, stream, self._settings.fps, piece.parameters.reorder_depth)
        return self._track

    def _compare(self, parameters: CodecParameters) -> None:
        if self.parameters is not None and (differences := self.parameters.differences(parameters)):
            raise SegmentMismatch(self.pieces, f"codec parameters differ from segment 0: {'; '.join(differences)}")
