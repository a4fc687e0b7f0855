"""Writes test/cases/trust/repetition.json: how much a picture repeats, by numpy and the definition at the top of src-main/analysis/trust/repetition.ts."""

import json
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parents[3] / "test" / "cases" / "trust" / "repetition.json"
SIDE, STEP = 16, 4
SIZE = (48, 62)  # rows, columns


def picture():
    """Whole numbers: (37 x + 91 y + x y) mod 53, and 90 more where x mod 3 = y mod 3 = 0 and x > 30."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (37 * x + 91 * y + x * y) % 53 + 90 * ((x % 3 == 0) & (y % 3 == 0) & (x > 30))


def spectra(image):
    """Power spectra of the windows (rows, columns, SIDE, SIDE), then means over 2 x 2 windows."""
    window = np.hanning(SIDE + 2)[1:-1]
    window = window[:, None] * window[None, :]
    cut = np.lib.stride_tricks.sliding_window_view(image.astype(float), (SIDE, SIDE))[::STEP, ::STEP]
    middle = (cut * window).sum((-2, -1), keepdims=True) / window.sum()
    power = np.abs(np.fft.fft2((cut - middle) * window)) ** 2
    return (power[1:, 1:] + power[1:, :-1] + power[:-1, 1:] + power[:-1, :-1]) / 4


def apart(a, b):
    """Angle between two undirected lines."""
    return np.abs((a - b + np.pi / 2) % np.pi - np.pi / 2)


def prominence(power):
    """Of one mean spectrum (SIDE, SIDE)."""
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    height, angle = np.hypot(fx, fy), np.arctan2(fy, fx)
    half = (fx > 0) | ((fx == 0) & (fy > 0))
    found = []
    for at in np.argwhere(half & (height > 0.2) & (height <= 0.5)):
        h, a, own = height[tuple(at)], angle[tuple(at)], power[tuple(at)]
        ring = np.median(power[half & (np.rint(height * SIDE) == np.rint(h * SIDE))])
        inside = power[(height >= 0.45 * h) & (height <= 0.7 * h) & (apart(angle, a) < 0.35)].mean()
        found.append((min(own / ring / 4, own / inside), h, a))
    pairs = [
        min(p, q) for p, h, a in found for q, k, b in found if apart(a, b) >= np.pi / 4 - 1e-9 and max(h, k) < 4 / 3 * min(h, k)
    ]
    return max(pairs)


def main():
    places = spectra(picture())
    values = [[round(float(prominence(power)), 4) for power in row] for row in places]
    case = {
        "origin": f"models/training/tools/repetition_cases.py, with numpy {np.__version__}. Picture: {picture.__doc__}",
        "height": SIZE[0],
        "width": SIZE[1],
        "rows": len(values),
        "columns": len(values[0]),
        "prominence": [value for row in values for value in row],
    }
    OUT.write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
