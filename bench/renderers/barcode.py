"""Reads the frame number along the lower edge of a picture: 16 cells, 12 bits of number and 4 of check."""

import numpy as np
from numpy.typing import NDArray

CELLS = 16


def read_number(luma: NDArray[np.uint8]) -> int | None:
    """The number a frame shows, or None where the edge holds no valid barcode.

    luma: height × width, any range: black and white are told apart at mid grey.
    """
    height, width = luma.shape
    tall = round(height / 18)
    rows = slice(height - tall * 3 // 4, height - tall // 4)
    pitch = width / CELLS
    word = 0
    for cell in range(CELLS):
        columns = slice(int((cell + 0.25) * pitch), int((cell + 0.75) * pitch))
        word = word << 1 | int(luma[rows, columns].mean() > 127)
    number, check = word >> 4, word & 15
    expected = (number >> 8) ^ (number >> 4 & 15) ^ (number & 15) ^ 0xA
    return number if check == expected else None
