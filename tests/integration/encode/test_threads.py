"""Lanes are threads of one process: while one is inside the encoder or a decoder, the others must run."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from helios_worker.encode.proof.segment import inspect_segment
from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.encode.video.unit import UnitEncoder
from tests.unit.encode.builders import jpeg, picture, png, segment, settings

MADE = settings(width=960, height=640, preset="medium")


@contextmanager
def another_thread() -> Iterator[Callable[[], int]]:
    """A thread that counts; gives a function that tells how far it is. It counts only while it has the GIL."""
    count = 0
    stop = threading.Event()

    def work() -> None:
        nonlocal count
        while not stop.is_set():
            count += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield lambda: count
    finally:
        stop.set()
        thread.join()


def encode(decoder: PictureDecoder, frames: int) -> UnitEncoder:
    encoder = UnitEncoder(MADE)
    for number in range(frames):
        encoder.encode(decoder.decode(jpeg(picture(number % 3, 960, 640))))
    return encoder


def test_one_call_into_the_encoder_lets_others_run():
    """All frames wait in the encoder's look-ahead, so that one call encodes them all."""
    encoder = encode(PictureDecoder(MADE), 6)
    with another_thread() as count:
        before = count()
        encoder.finish()
        assert count() - before > 1_000


@pytest.mark.parametrize("store", [jpeg, png])
def test_decoding_a_picture_lets_others_run(store):
    decoder = PictureDecoder(MADE)
    pictures = [store(picture(number, 960, 640)) for number in range(8)]
    with another_thread() as count:
        before = count()
        for data in pictures:
            decoder.decode(data)
        assert count() - before > 1_000


def test_proving_a_segment_lets_others_run(tmp_path):
    path = segment(tmp_path / "s.mp4", MADE, [encode(PictureDecoder(MADE), 6).finish()])
    with another_thread() as count:
        before = count()
        inspect_segment(path, MADE)
        assert count() - before > 1_000
