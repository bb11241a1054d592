"""Colour is computed here in floating point from the standards and compared with what the decoder made."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.errors import BadPicture
from tests.unit.encode.builders import HEIGHT, WIDTH, Rgb, jpeg, picture, plane, png, settings, webp

Plane = NDArray[np.float64]
Yuv = tuple[Plane, Plane, Plane]

BT601 = (0.299, 0.114)
BT709 = (0.2126, 0.0722)

BARS = {  # 100 % colour bars and two greys: R, G, B and the BT.709 limited Y, Cb, Cr of the textbook
    "white": ((255, 255, 255), (235, 128, 128)),
    "yellow": ((255, 255, 0), (219, 16, 138)),
    "cyan": ((0, 255, 255), (188, 154, 16)),
    "green": ((0, 255, 0), (173, 42, 26)),
    "magenta": ((255, 0, 255), (78, 214, 230)),
    "red": ((255, 0, 0), (63, 102, 240)),
    "blue": ((0, 0, 255), (32, 240, 118)),
    "black": ((0, 0, 0), (16, 128, 128)),
    "grey": ((128, 128, 128), (126, 128, 128)),
    "dark grey": ((16, 16, 16), (30, 128, 128)),
}


def to_rgb(y: Plane, cb: Plane, cr: Plane, kr: float, kb: float) -> Yuv:
    """Full-range Y'CbCr to R'G'B', both 0..255 (ITU-T T.871 with BT.601's coefficients)."""
    r = y + 2 * (1 - kr) * (cr - 128)
    b = y + 2 * (1 - kb) * (cb - 128)
    return r, (y - kr * r - kb * b) / (1 - kr - kb), b


def to_limited(r: Plane, g: Plane, b: Plane, kr: float, kb: float) -> Yuv:
    """R'G'B' 0..255 to limited-range Y'CbCr (ITU-R BT.709, 3 and 4)."""
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb = (b - y) / (2 * (1 - kb))
    cr = (r - y) / (2 * (1 - kr))
    return 16 + 219 / 255 * y, 128 + 224 / 255 * cb, 128 + 224 / 255 * cr


def double(p: Plane) -> Plane:
    return p.repeat(2, 0).repeat(2, 1)


def halve(p: Plane) -> Plane:
    blocks: Plane = p.reshape(p.shape[0] // 2, 2, p.shape[1] // 2, 2).mean((1, 3))
    return blocks


def stored_planes(data: bytes) -> Yuv:
    """What a JPEG file holds, before anybody converts it."""
    context = av.VideoCodecContext.create("mjpeg", "r")
    (frame,) = context.decode(av.Packet(data))
    return plane(frame, 0), plane(frame, 1), plane(frame, 2)


def largest_error(frame: av.VideoFrame, exact: Yuv) -> float:
    return max(float(np.abs(plane(frame, i) - exact[i]).max()) for i in range(3))


def rgb_planes(rgb: Rgb) -> Yuv:
    r, g, b = (rgb[..., i].astype(np.float64) for i in range(3))
    return r, g, b


def flat(color: tuple[int, int, int]) -> Rgb:
    return np.broadcast_to(np.array(color, np.uint8), (HEIGHT, WIDTH, 3)).copy()


def noise(seed: int) -> Rgb:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.mark.parametrize("store", [jpeg, png, webp], ids=["jpeg", "png", "webp"])
@pytest.mark.parametrize(("color", "expected"), BARS.values(), ids=BARS)
def test_colour_bars(store, color, expected):
    """Storing as JPEG may cost 1 per plane before we see it: its own YUV is rounded."""
    tolerance = 1 if store is jpeg else 0
    frame = PictureDecoder(settings()).decode(store(flat(color)))
    for index, value in enumerate(expected):
        assert np.abs(plane(frame, index) - value).max() <= tolerance


@pytest.mark.parametrize("rgb", [picture(7), noise(1), noise(2)], ids=["picture", "noise", "more noise"])
def test_jpeg_conversion_is_exact_to_the_last_bit(rgb):
    """Each sample is the exact value rounded, saturated colours, grain and all; chroma is never resampled."""
    data = jpeg(rgb)
    y, cb, cr = stored_planes(data)
    luma, _, _ = to_limited(*to_rgb(y, double(cb), double(cr), *BT601), *BT709)
    _, blue, red = to_limited(*to_rgb(np.zeros_like(cb), cb, cr, *BT601), *BT709)
    exact = (luma.clip(0, 255), blue.clip(0, 255), red.clip(0, 255))
    assert largest_error(PictureDecoder(settings()).decode(data), exact) <= 0.51


@pytest.mark.parametrize("store", [png, webp], ids=["png", "webp"])
def test_lossless_conversion_averages_chroma_in_the_centre(store):
    rgb = noise(3)
    y, cb, cr = to_limited(*rgb_planes(rgb), *BT709)
    frame = PictureDecoder(settings()).decode(store(rgb))
    assert largest_error(frame, (y, halve(cb), halve(cr))) <= 0.52


@pytest.mark.parametrize("store", [jpeg, png, webp], ids=["jpeg", "png", "webp"])
def test_frames_carry_all_colour_fields_and_no_past(store):
    frame = PictureDecoder(settings()).decode(store(picture(1)))
    assert frame.format.name == "yuv420p"
    assert (frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries) == (1, 1, 1, 1)
    assert frame.pict_type == 0
    assert frame.pts is None


def test_alpha_is_dropped():
    rgba = np.dstack([picture(5), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    decoder = PictureDecoder(settings())
    with_alpha, without = decoder.decode(png(rgba)), decoder.decode(png(picture(5)))
    assert np.array_equal(plane(with_alpha, 0), plane(without, 0))


@pytest.mark.parametrize("chunk", ["sRGB", "gAMA"])
def test_png_gamma_chunks_change_nothing(chunk):
    """Asked for a transfer function, swscale would convert from the one that these chunks name."""
    info = PngImagePlugin.PngInfo()
    info.add(chunk.encode(), b"\0" if chunk == "sRGB" else (100_000).to_bytes(4, "big"))
    tagged = BytesIO()
    Image.fromarray(picture(3)).save(tagged, "PNG", pnginfo=info)
    assert chunk.encode() in tagged.getvalue()
    decoder = PictureDecoder(settings())
    frame, plain = decoder.decode(tagged.getvalue()), decoder.decode(png(picture(3)))
    assert all(np.array_equal(plane(frame, i), plane(plain, i)) for i in range(3))
    assert (frame.color_trc, frame.color_primaries) == (1, 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "0 bytes", id="nothing"),
        pytest.param(b"<html>", "not a jpeg, png or webp", id="no picture"),
        pytest.param(jpeg(picture(1))[:-200], "damaged", id="cut jpeg"),
        pytest.param(jpeg(picture(1))[:30], "damaged", id="jpeg header only"),
        pytest.param(png(picture(1))[:500], "damaged", id="cut png"),
        pytest.param(webp(picture(1))[:500], "damaged", id="cut webp"),
        pytest.param(jpeg(picture(1, 98, 64)), "98×64, the video is 96×64", id="size"),
        pytest.param(png(picture(1, 96, 66)), "96×66, the video is 96×64", id="size of a png"),
        pytest.param(jpeg(picture(1), subsampling=0), "yuvj444p, not 4:2:0", id="jpeg 4:4:4"),
        pytest.param(jpeg(picture(1)[..., 0]), "gray, not 4:2:0", id="grey jpeg"),
    ],
)
def test_bad_pictures_are_refused_and_leave_the_decoder_usable(data, message):
    decoder = PictureDecoder(settings())
    good = jpeg(picture(9))
    before = plane(decoder.decode(good), 0)
    with pytest.raises(BadPicture, match=message):
        decoder.decode(data)
    assert np.array_equal(plane(decoder.decode(good), 0), before)


def test_the_same_bytes_are_the_same_frame():
    decoder = PictureDecoder(settings())
    first = decoder.decode(jpeg(picture(1)))
    assert decoder.decode(jpeg(picture(1))) is first
    assert decoder.decode(jpeg(picture(2))) is not first


@pytest.mark.parametrize("store", [jpeg, png, webp], ids=["jpeg", "png", "webp"])
def test_pictures_do_not_depend_on_those_before(store):
    """FFmpeg's PNG decoder adds a picture to the one before unless its packet says key frame."""
    warm = PictureDecoder(settings())
    for number in (1, 2, 3):
        fresh = PictureDecoder(settings()).decode(store(picture(number)))
        assert np.array_equal(plane(warm.decode(store(picture(number))), 0), plane(fresh, 0))


def test_a_frame_is_not_touched_by_the_next_one():
    decoder = PictureDecoder(settings())
    first = decoder.decode(jpeg(picture(1)))
    before = plane(first, 0)
    decoder.decode(jpeg(picture(2)))
    assert np.array_equal(plane(first, 0), before)


def test_one_decoder_per_thread_gives_the_same_frames():
    data = [jpeg(picture(n)) for n in range(8)]

    def lane(_: int) -> list[bytes]:
        decoder = PictureDecoder(settings())
        return [bytes(decoder.decode(item).planes[0]) for item in data]

    with ThreadPoolExecutor(4) as pool:
        lanes = list(pool.map(lane, range(4)))
    assert lanes == [lanes[0]] * 4
