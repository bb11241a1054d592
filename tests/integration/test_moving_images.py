"""What the browser moves by a clock of its own, in real time, is refused by name where it shows, and only there."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliosctl.errors import StageFailed
from tests.barcode import decoded, read
from tests.integration.compositions import compose
from tests.rendering import WarmRenderer

HEAD = '<!doctype html><html data-width="64" data-height="64" data-fps="30" data-duration="0.1"><body>'
SMIL = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="9" height="9">'
    '<animate attributeName="x" from="0" to="50" dur="3s"/></rect></svg>'
)
CSS = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><style>@keyframes m { to { transform: none } } '
    ".b { animation: 3s m }</style><rect class='b' width='9' height='9'/></svg>"
)
STILL = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><style>@keyframes unused { to { x: 0 } }</style>'
    "<rect width='9' height='9'/></svg>"
)
IN_DATA = f"data:image/svg+xml;base64,{b64encode(CSS.encode()).decode()}"

REFUSED = [
    pytest.param('<img src="smil.svg">', "smil.svg is an animated SVG used as an image", id="img"),
    pytest.param(f'<p style="background: url({IN_DATA}); height: 9px">', "an SVG in a data: URL", id="background"),
    pytest.param(
        '<svg><image href="css.svg" width="9" height="9"/></svg>', "css.svg is an animated SVG", id="image in SVG"
    ),
    pytest.param(
        "<style>:root { --i: url(smil.svg) } p { background: var(--i); height: 9px }</style><p>x",
        "smil.svg is an animated SVG",
        id="custom property",
    ),
    pytest.param(
        "<style>@media all { b:hover, #a > ::before { content: url(smil.svg) } }</style><div id=a><p>x</div>",
        "smil.svg is an animated SVG",
        id="generated content",
    ),
    pytest.param(
        "<p id=p>x</p><script>const image = { backgroundImage: 'url(smil.svg)' };"
        "p.animate([image, image], 9000)</script>",
        "smil.svg is an animated SVG",
        id="keyframes",
    ),
    pytest.param(
        "<p>x</p><script>const sheet = new CSSStyleSheet(); sheet.replaceSync('p { color: red }');"
        "document.adoptedStyleSheets = [sheet];"
        "requestAnimationFrame(() => sheet.insertRule('p { background: url(smil.svg) }'))</script>",
        "smil.svg is an animated SVG",
        id="sheet of a script",
    ),
    pytest.param(
        "<img id=i><script>fetch('smil.svg').then((r) => r.blob()).then((b) => (i.src = URL.createObjectURL(b)))"
        "</script>",
        "is an animated SVG used as an image",
        id="blob",
    ),
    pytest.param("<progress></progress>", "a <progress> without a value", id="progress"),
]
ALLOWED = (
    '<img src="still.svg"><img src="smil.svg" hidden><object data="css.svg"></object><progress value="0.5"></progress>'
    '<link rel="preload" as="image" href="smil.svg"><script>new Image().src = "css.svg"</script>'
    '<img src="css.svg" style="position: fixed; left: -99px"><img src="css.svg" onload="this.remove()">'
    '<p style="position: fixed; top: 99px; width: 9px; height: 9px; background: url(smil.svg)"></p>'
    '<div style="opacity: 0"><p style="background: url(css.svg)">x</p></div>'
    '<progress style="appearance: none"></progress><progress style="background: red; border: 0"></progress>'
)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmRenderer]:
    with WarmRenderer(tmp_path_factory.mktemp("moving"), lanes=1) as warm:
        yield warm


def page_of(folder: Path, body: str) -> Path:
    page = folder / "page"
    page.mkdir()
    for name, text in {"index.html": HEAD + body, "smil.svg": SMIL, "css.svg": CSS, "still.svg": STILL}.items():
        (page / name).write_text(text)
    return page


@pytest.mark.parametrize(("body", "why"), REFUSED)
def test_what_moves_in_real_time_is_refused_by_name(body: str, why: str, renderer: WarmRenderer, tmp_path: Path):
    with pytest.raises(StageFailed) as failure:
        renderer.render(page_of(tmp_path, body), tmp_path / "film.mp4", artifacts=tmp_path / "artifacts")
    assert why in str(failure.value)


def test_a_caret_blinks_on_the_film_s_time(renderer: WarmRenderer, tmp_path: Path):
    """By the browser's own timer it would blink in real time."""
    page = page_of(tmp_path, "<input autofocus style='font: 40px serif; width: 60px; border: 0; outline: 0'>")
    renderer.render(page, tmp_path / "film.mp4", artifacts=tmp_path / "artifacts", fps="10", duration=1.6)
    shown = [bool((luma < 128).any()) for luma in decoded(tmp_path / "film.mp4")]
    assert shown == [n % 10 < 5 for n in range(16)]


def test_images_move_beside_an_animation_at_low_rates(renderer: WarmRenderer, tmp_path: Path):
    """Where pictures are due at the first frame that an animation changes, the browser did not come to an end."""
    compose("image-animated", tmp_path / "page", cache=tmp_path)
    page = tmp_path / "page/index.html"
    style = "<style>p { width: 9px; animation: move 2s } @keyframes move { to { margin-left: 300px } }</style><p>x"
    page.write_text(page.read_text().replace("<body>", f"<body>{style}"))
    renderer.render(tmp_path / "page", tmp_path / "film.mp4", artifacts=tmp_path / "artifacts", fps="10", duration=1.6)
    for line in (0, 1, 2):
        assert [read(luma, line) for luma in decoded(tmp_path / "film.mp4")] == [n % 12 for n in range(16)]


def test_an_image_on_a_canvas_is_on_show(renderer: WarmRenderer, tmp_path: Path):
    draw = (
        "requestAnimationFrame(function draw() { c.getContext('2d').drawImage(i, 0, 0); requestAnimationFrame(draw) })"
    )
    page = page_of(tmp_path, f"<img id=i src='smil.svg' hidden><canvas id=c></canvas><script>{draw}</script>")
    with pytest.raises(StageFailed, match=r"smil\.svg is an animated SVG"):
        renderer.render(page, tmp_path / "film.mp4", artifacts=tmp_path / "artifacts")


def test_what_stands_still_or_is_not_on_show_is_rendered(renderer: WarmRenderer, tmp_path: Path):
    renderer.render(page_of(tmp_path, ALLOWED), tmp_path / "film.mp4", artifacts=tmp_path / "artifacts")
