"""A page like those people render: gradients, grain, cards with text, all moving with the frame number."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Rgb = NDArray[np.uint8]


def page(width: int, height: int, frame: int, *, grain: float = 0) -> Rgb:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.stack(
        [
            128 + 127 * np.sin(x / width * 6 + frame * 0.05),
            128 + 127 * np.sin(y / height * 5 + frame * 0.03),
            128 + 127 * np.cos((x + y) / (width + height) * 7),
        ],
        axis=-1,
    )
    if grain:
        waves += np.random.default_rng(frame).normal(0, grain, (height, width, 1))
    image = Image.fromarray(np.clip(waves, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    layout = np.random.default_rng(1)
    for card in range(24):
        color = tuple(int(value) for value in layout.integers(0, 256, 3))
        left = (int(layout.integers(0, width - 200)) + frame * 3) % width
        top = int(layout.integers(0, height - 100))
        draw.rounded_rectangle([left, top, left + 200, top + 90], 16, fill=color)
        text = tuple(255 - value for value in color)
        draw.text((left + 12, top + 20), f"card {card}, {frame}", fill=text, font=ImageFont.load_default(24))
    return np.asarray(image)


def stored(rgb: Rgb, kind: str, **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(rgb).save(file, kind, **options)
    return file.getvalue()
