"""Images whose end is missing are found, and whole ones are not taken for them, in every format that has an end."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from helios_worker.capture.truncated import data_is_truncated, ends_early

FORMATS: dict[str, dict[str, Any]] = {
    "png": {},
    "jpeg": {},
    "progressive": {"format": "jpeg", "progressive": True},
    "gif": {},
    "webp": {},
    "avif": {},
    "bmp": {},
    "ico": {},
}


def image(name: str) -> bytes:
    picture = Image.effect_noise((64, 64), 90).convert("P" if name == "gif" else "RGB")
    data = io.BytesIO()
    options = {"format": name, **FORMATS[name]}
    picture.save(data, str(options.pop("format")), **options)
    return data.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_an_image_that_ends_early(name: str):
    whole = image(name)
    for data, is_cut in ((whole, False), (whole[: len(whole) * 9 // 10], True), (whole[: len(whole) // 2], True)):
        assert ends_early(data) == is_cut
        assert data_is_truncated(f"data:image/x;base64,{base64.b64encode(data).decode()}") == is_cut


def test_what_follows_an_image_does_not_matter():
    assert not ends_early(image("png") + bytes(100))
    assert not ends_early(image("gif") + b"abc")
    assert not ends_early(image("gif")[:-1]), "only the byte that says it has ended"
    assert not ends_early(b"text")
