"""Structural similarity of two grey pictures (Wang, Bovik, Sheikh and Simoncelli, 2004)."""

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_RADIUS = 5
_SIGMA = 1.5
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2


def _window() -> NDArray[np.float32]:
    offsets = np.arange(-_RADIUS, _RADIUS + 1, dtype=np.float32)
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    normalised: NDArray[np.float32] = weights / weights.sum()
    return normalised


_WINDOW = _window()


def _blur(plane: Plane) -> Plane:
    """The 11 × 11 Gaussian window over every pixel that has a whole one around it."""
    height, width = plane.shape
    rows = np.zeros((height - 2 * _RADIUS, width), dtype=np.float32)
    for shift, weight in enumerate(_WINDOW):
        rows += weight * plane[shift : shift + rows.shape[0]]
    result = np.zeros((rows.shape[0], width - 2 * _RADIUS), dtype=np.float32)
    for shift, weight in enumerate(_WINDOW):
        result += weight * rows[:, shift : shift + result.shape[1]]
    return result


def ssim(first: Plane, second: Plane) -> float:
    """Mean SSIM of two planes of one size with values from 0 to 255; 1.0 says they are equal."""
    mean_first, mean_second = _blur(first), _blur(second)
    product = mean_first * mean_second
    squares = mean_first**2 + mean_second**2
    variances = _blur(first**2 + second**2) - squares
    covariance = _blur(first * second) - product
    score = ((2 * product + _C1) * (2 * covariance + _C2)) / ((squares + _C1) * (variances + _C2))
    return float(score.mean())
