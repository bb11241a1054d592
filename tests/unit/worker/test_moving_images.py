"""Images that move are told by their content."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from helios_worker.capture.moving_images import animated_type, svg_moves

FORMATS = ("GIF", "PNG", "WEBP", "AVIF")


def image(kind: str, pictures: int) -> bytes:
    first, *rest = (Image.new("RGB", (8, 8), (k * 40, 0, 0)) for k in range(pictures))
    data = BytesIO()
    first.save(data, kind, **({"save_all": True, "append_images": rest, "duration": 100} if rest else {}))
    return data.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_an_image_of_several_pictures_is_known_by_its_content(kind: str):
    assert animated_type(image(kind, 3)) == {"PNG": "image/apng"}.get(kind, f"image/{kind.lower()}")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "JPEG"])
def test_an_image_of_one_picture_is_still(kind: str):
    assert animated_type(image(kind, 1)) is None


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 12, 20, 21, 30])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_cut_head_is_no_error(kind: str, length: int):
    animated_type(image(kind, 2)[:length])


@pytest.mark.parametrize(
    ("inside", "moves"),
    [
        pytest.param('<rect><animate attributeName="x" to="9" dur="1s"/></rect>', True, id="animate"),
        pytest.param('<s:rect><s:animateMotion path="M0 0" dur="1s"/></s:rect>', True, id="a prefix"),
        pytest.param('<rect><set attributeName="x" to="9" begin="1s"/></rect>', True, id="set"),
        pytest.param('<rect><animate attributeName="x" to="9" begin="a.end"/></rect>', True, id="after another"),
        pytest.param('<rect><animate attributeName="x" to="9" begin="indefinite"/></rect>', False, id="never begun"),
        pytest.param(
            "<rect><animate attributeName='x' to='9' begin='b.click; mouseover'/></rect>", False, id="by a click"
        ),
        pytest.param("<!-- <animate dur='1s'/> --><rect/>", False, id="a comment"),
        pytest.param("<style>@keyframes a {} rect { animation: a 1s }</style>", True, id="keyframes"),
        pytest.param(
            "<style>@-webkit-keyframes a {} rect { -webkit-animation-name: a }</style>", True, id="old keyframes"
        ),
        pytest.param("<style>@keyframes a {}</style><rect style='animation:1s a'/>", True, id="a style attribute"),
        pytest.param("<style>@keyframes a {} rect { animation: a 1s paused }</style>", False, id="paused"),
        pytest.param("<style>@keyframes a {} rect { animation: none }</style>", False, id="unused keyframes"),
        pytest.param("<animated/><settings/>", False, id="other elements"),
    ],
)
def test_an_svg_moves_if_something_in_it_begins(inside: str, moves: bool):
    assert svg_moves(f"<svg>{inside}</svg>") is moves
