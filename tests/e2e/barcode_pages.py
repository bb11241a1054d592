"""Compositions for a cluster: pages whose every frame says its number, in one file."""

import re
from pathlib import Path

PAGES = Path(__file__).parents[1] / "integration" / "pages"
TICKS_PER_FRAME = 8
"""What a page's barcode counts: eighths of a frame, so that a tenth of a frame off shows another number."""
PAINT = "paint(context, ticks(now));"
"""What canvas-raf.html does for a frame; before it goes what makes a frame slow, or go wrong."""


CLICK_SECONDS = 1.25
SOUND = f"""<script>
  const sound = new AudioContext();
  const click = new AudioBufferSourceNode(sound, {{ buffer: sound.createBuffer(1, 480, 48000) }});
  click.buffer.getChannelData(0)[0] = 0.8;
  click.connect(sound.destination);
  click.start({CLICK_SECONDS});
</script>
"""


def film_page() -> str:
    """The page of the film that several tests render: a barcode, and one click."""
    return one_file("canvas-raf.html") + SOUND


def one_file(page: str) -> str:
    """A page of the corpus with its style sheets and scripts inside."""
    markup = (PAGES / page).read_text()
    markup = re.sub(
        r'<link rel="stylesheet" href="([^"]+)">', lambda found: f"<style>{_text(found[1])}</style>", markup
    )
    return re.sub(r'<script src="([^"]+)"></script>', lambda found: f"<script>{_text(found[1])}</script>", markup)


def flat_files(page: str) -> dict[str, str]:
    """A page of the corpus as index.html and the files that it names beside it, for the keys of a ConfigMap."""
    markup = (PAGES / page).read_text()
    assets = re.findall(r'(?:href|src)="(assets/[^"]+)"', markup)
    return {"index.html": markup.replace('"assets/', '"'), **{Path(asset).name: _text(asset) for asset in assets}}


def _text(path: str) -> str:
    return (PAGES / path).read_text()
