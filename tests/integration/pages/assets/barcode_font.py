"""Writes barcode.ttf, the font of the web font pages: the digits 0 and 1 are cells of the barcode, half an
em wide.

`python barcode_font.py` needs fonttools; the font is kept beside it.
"""

from pathlib import Path

from fontTools.fontBuilder import FontBuilder  # type: ignore[import-not-found]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-not-found]

EM = 1000
LOWER, UPPER = (0, 500), (500, 1000)


def ink(half: tuple[int, int] | None) -> object:
    """A glyph that fills one half of its cell, or nothing."""
    pen = TTGlyphPen(None)
    if half:
        bottom, top = half
        pen.moveTo((0, bottom))
        pen.lineTo((0, top))
        pen.lineTo((EM // 2, top))
        pen.lineTo((EM // 2, bottom))
        pen.closePath()
    return pen.glyph()


def main() -> None:
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder([".notdef", "zero", "one"])
    builder.setupCharacterMap({ord("0"): "zero", ord("1"): "one"})
    builder.setupGlyf({".notdef": ink(None), "zero": ink(UPPER), "one": ink(LOWER)})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "zero", "one"), (EM // 2, 0)))
    builder.setupHorizontalHeader(ascent=EM, descent=0)
    builder.setupNameTable({"familyName": "Barcode", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=EM, sTypoDescender=0, sTypoLineGap=0, usWinAscent=EM, usWinDescent=0)
    builder.setupPost()
    builder.setupHead(unitsPerEm=EM, created=0, modified=0)
    builder.save(Path(__file__).with_name("barcode.ttf"))


if __name__ == "__main__":
    main()
