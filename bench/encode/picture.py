"""Ways from a captured picture to a BT.709 limited frame: milliseconds of CPU, and the error.

    python -m bench.encode.picture

worst: largest difference of any sample from the exact conversion of the stored picture, rounded nowhere.
PSNR: of luma and chroma against the page itself, which JPEG and 4:2:0 cost some of already.
"""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation as Flag
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from bench.encode.content import Rgb, page, stored

T = TypeVar("T")
Plane = NDArray[np.float64]
Yuv = tuple[Plane, Plane, Plane]
BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)


def exact_from_rgb(rgb: Rgb, site: Callable[[Plane], Plane]) -> Yuv:
    """BT.709 limited; site: how chroma is brought to half size."""
    kr, kb = BT709
    r, g, b = (rgb[..., i].astype(np.float64) for i in range(3))
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    return 16 + 219 / 255 * y, 128 + 224 / 255 * site(cb), 128 + 224 / 255 * site(cr)


def exact_from_jpeg(y: Plane, cb: Plane, cr: Plane) -> Yuv:
    """BT.709 limited from BT.601 full, each luma sample with the chroma of its block."""

    def rgb(y: Plane, cb: Plane, cr: Plane) -> Yuv:
        kr, kb = BT601
        r, b = y + 2 * (1 - kr) * (cr - 128), y + 2 * (1 - kb) * (cb - 128)
        return r, (y - kr * r - kb * b) / (1 - kr - kb), b

    def yuv(r: Plane, g: Plane, b: Plane) -> Yuv:
        kr, kb = BT709
        y = kr * r + (1 - kr - kb) * g + kb * b
        return (
            16 + 219 / 255 * y,
            128 + 224 / 255 * (b - y) / (2 * (1 - kb)),
            128 + 224 / 255 * (r - y) / (2 * (1 - kr)),
        )

    luma, _, _ = yuv(*rgb(y, double(cb), double(cr)))
    _, blue, red = yuv(*rgb(np.zeros_like(cb), cb, cr))
    return luma, blue, red


def double(p: Plane) -> Plane:
    return p.repeat(2, 0).repeat(2, 1)


def halve(p: Plane) -> Plane:
    blocks: Plane = p.reshape(p.shape[0] // 2, 2, p.shape[1] // 2, 2).mean((1, 3))
    return blocks


def left(p: Plane) -> Plane:
    """Chroma where H.264 puts it if a stream says nothing: at the left of its two columns."""
    rows = p.reshape(p.shape[0] // 2, 2, p.shape[1]).mean(1)
    before = np.concatenate([rows[:, :1], rows[:, 1:-1:2]], axis=1)
    return 0.25 * before + 0.5 * rows[:, 0::2] + 0.25 * rows[:, 1::2]


def planes(frame: av.VideoFrame) -> Yuv:
    def plane(index: int) -> Plane:
        data = frame.planes[index]
        rows = np.frombuffer(bytes(data), np.uint8).reshape(data.height, data.line_size)
        return rows[:, : data.width].astype(np.float64)

    return plane(0), plane(1), plane(2)


def cpu_ms(work: Callable[[T], object], given: T, rounds: int = 12) -> float:
    work(given)
    start = time.process_time()
    for _ in range(rounds):
        work(given)
    return (time.process_time() - start) / rounds * 1000


def psnr(a: Plane, b: Plane) -> float:
    return float(10 * np.log10(255**2 / np.mean((a - b) ** 2)))


def swscale(flags: Flag, **source: int) -> Callable[[av.VideoFrame], av.VideoFrame]:
    reformatter = VideoReformatter()
    return lambda frame: reformatter.reformat(
        frame, format="yuv420p", dst_colorspace=1, dst_color_range=1, interpolation=flags, threads=1, **source
    )


def colorspace_filter(width: int, height: int) -> Callable[[av.VideoFrame], av.VideoFrame]:
    graph = Graph()
    graph.threads = 1
    size = f"video_size={width}x{height}:pix_fmt=yuvj420p:time_base=1/30:colorspace=bt470bg:range=pc"
    nodes = [
        graph.add("buffer", size),
        graph.add("setparams", "color_primaries=bt709:color_trc=bt709:colorspace=bt470bg:range=pc"),
        graph.add("colorspace", "all=bt709:range=tv:format=yuv420p:fast=1"),
        graph.add("buffersink"),
    ]
    for source, sink in pairwise(nodes):
        source.link_to(sink)
    graph.configure()

    def convert(frame: av.VideoFrame) -> av.VideoFrame:
        graph.push(frame)
        return graph.pull()  # type: ignore[return-value]

    return convert


def in_numpy(frame: av.VideoFrame) -> av.VideoFrame:
    y, cb, cr = (
        np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].astype(np.int16) for p in frame.planes
    )
    cb, cr = cb - np.int16(128), cr - np.int16(128)
    # 601 full to 709 limited: Y' = .8588 Y − .1011 Cb − .1815 Cr, Cb' and Cr' without Y; times 256.
    shift = (-26 * cb - 46 * cr).repeat(2, 0).repeat(2, 1)
    out = np.empty((frame.height * 3 // 2, frame.width), np.uint8)
    out[: frame.height] = (y.astype(np.int32) * 220 + shift + 128 >> 8) + 16
    chroma = out[frame.height :].reshape(2, frame.height // 2, frame.width // 2)
    chroma[0] = np.clip((229 * cb.astype(np.int32) + 26 * cr + 128 >> 8) + 128, 0, 255)
    chroma[1] = np.clip((17 * cb.astype(np.int32) + 231 * cr + 128 >> 8) + 128, 0, 255)
    return av.VideoFrame.from_ndarray(out, format="yuv420p")


def decoder(name: str) -> Callable[[bytes], av.VideoFrame]:
    context = av.VideoCodecContext.create(name, "r")
    context.thread_count = 1

    def decode(data: bytes) -> av.VideoFrame:
        packet = av.Packet(data)
        packet.is_keyframe = True
        return context.decode(packet)[0]

    return decode


def table(width: int, height: int) -> None:
    rgb = page(width, height, 0)
    truth, if_left = exact_from_rgb(rgb, halve), exact_from_rgb(rgb, left)
    best = Flag.ACCURATE_RND | Flag.BITEXACT
    full = {"src_colorspace": 5, "src_color_range": 2}
    ways: dict[str, dict[str, Callable[[av.VideoFrame], av.VideoFrame]]] = {
        "mjpeg": {
            "swscale bilinear (default)": swscale(Flag.BILINEAR, **full),
            "swscale bilinear, accurate": swscale(Flag.BILINEAR | Flag.ACCURATE_RND, **full),
            "swscale bicubic, accurate, bitexact": swscale(Flag.BICUBIC | best, **full),
            "numpy": in_numpy,
            "colorspace filter *": colorspace_filter(width, height),
        },
        "png": {
            "swscale bilinear (default)": swscale(Flag.BILINEAR),
            "swscale bicubic, accurate, bitexact": swscale(Flag.BICUBIC | best),
            "swscale area, accurate, bitexact *": swscale(Flag.AREA | best | Flag.FULL_CHR_H_INP),
        },
    }
    data = {
        "mjpeg": stored(rgb, "JPEG", quality=90, subsampling=2),
        "png": stored(rgb, "PNG", compress_level=1),
        "webp": stored(rgb, "WEBP", lossless=True, method=0),
    }
    print(f"\n{width}×{height}                                  ms    worst   PSNR Y   PSNR C")
    for name, picture in data.items():
        decode = decoder(name)
        print(f"{name} decode, {len(picture) // 1000} kB".ljust(38) + f"{cpu_ms(decode, picture):7.2f}")
        frame = decode(picture)
        exact = exact_from_jpeg(*planes(frame)) if name == "mjpeg" else truth
        for way, convert in ways.get(name, {}).items():
            made = planes(convert(frame))
            worst = max(float(np.abs(a - b).max()) for a, b in zip(made, exact, strict=True))
            luma, chroma = psnr(made[0], truth[0]), psnr(np.stack(made[1:]), np.stack(truth[1:]))
            print(f"  {way:36}{cpu_ms(convert, frame):7.2f}  {worst:7.2f}  {luma:7.2f}  {chroma:7.2f}")
    print(f"exact chroma, taken for left-sited     {psnr(np.stack(truth[1:]), np.stack(if_left[1:])):32.2f}")


if __name__ == "__main__":
    for size in ((1920, 1080), (1280, 720)):
        table(*size)
    print("\n* as used by helios_worker.encode.video.picture")
