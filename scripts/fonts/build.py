"""Copies the fonts of compositions into the worker, and writes the style sheet that names them.

    make fonts

They are those that HyperFrames' renderer has for pages that bring none, under the same names: its own fonts, and the
common ones that it replaces. Their files come from npm as package.json pins them.
"""

import json
import shutil
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules/@fontsource"
FONTS = HERE.parents[1] / "worker/helios_worker/fonts"
ADDRESS = "http://fonts.composition.localhost/"
"""Where the browser finds them: helios_worker.capture.content.fonts."""
WEIGHTS = {
    **dict.fromkeys(("archivo-black", "league-gothic"), (400,)),
    **dict.fromkeys(("eb-garamond", "ibm-plex-mono", "jetbrains-mono", "noto-sans-jp", "open-sans"), (400, 700)),
    **dict.fromkeys(("oswald", "source-code-pro", "space-mono"), (400, 700)),
    **dict.fromkeys(("inter", "lato", "montserrat", "nunito", "outfit"), (400, 700, 900)),
    **dict.fromkeys(("playfair-display", "poppins", "roboto"), (400, 700, 900)),
}
REPLACED = {
    "eb-garamond": (
        "Book Antiqua, Cambria, DejaVu Serif, Garamond, Georgia, Liberation Serif, Palatino, Palatino Linotype, Times, "
        "Times New Roman"
    ),
    "inter": (
        "Arial, Avenir, Avenir Next, Calibri, Candara, Corbel, DejaVu Sans, Geneva, Helvetica, Helvetica Bold, "
        "Helvetica Neue, Liberation Sans, Lucida Grande, Lucida Sans, Lucida Sans Unicode, Noto Sans, Optima, SF Pro, "
        "SF Pro Display, SF Pro Rounded, SF Pro Text, Tahoma, Trebuchet MS, Verdana"
    ),
    "jetbrains-mono": (
        "Andale Mono, Consolas, Courier, Courier New, DejaVu Sans Mono, Liberation Mono, Lucida Console, "
        "Lucida Sans Typewriter, Menlo, Monaco, SF Mono"
    ),
    "league-gothic": "Bebas Neue",
    "montserrat": "Arial Black, DIN Alternate, Futura",
    "noto-sans-jp": "Noto Sans Japanese",
    "roboto": "Segoe UI",
}
"""The common fonts that each one is shown in the place of."""


def main() -> None:
    """Makes the folder anew."""
    shutil.rmtree(FONTS, ignore_errors=True)
    FONTS.mkdir()
    rules = []
    for slug, weights in sorted(WEIGHTS.items()):
        package = PACKAGES / slug
        shutil.copy(package / "LICENSE", FONTS / f"{slug}.license")
        name = json.loads((package / "metadata.json").read_text())["family"]
        characters = json.loads((package / "unicode.json").read_text())["latin"]
        for family in [name, *REPLACED.get(slug, "").split(", ")]:
            rules += [
                f'@font-face{{font-family:"{family}";font-weight:{weight};unicode-range:{characters};'
                f"src:url({ADDRESS}{slug}-{weight}.woff2)}}"
                for weight in weights
                if family
            ]
        for weight in weights:
            shutil.copy(package / f"files/{slug}-latin-{weight}-normal.woff2", FONTS / f"{slug}-{weight}.woff2")
    (FONTS / "fonts.css").write_text("\n".join(rules) + "\n")


main()
