"""Writes test/cases/trust/features.json: features of tiles made by a formula that any language can repeat, computed with numpy."""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from deepscope_training import statistics  # noqa: E402

OUT = Path(__file__).resolve().parents[3] / "test" / "cases" / "trust" / "features.json"


def grain(size):
    """Whole numbers 0…996 without visible order: (7919 x + 104729 y + 31 x y + x² y² mod 4093) mod 997."""
    y, x = np.mgrid[:size, :size].astype(np.int64)
    return (7919 * x + 104729 * y + 31 * x * y + (x * x * y * y) % 4093) % 997


def tiles():
    size = statistics.TILE
    y, x = np.mgrid[:size, :size].astype(float)
    spot = np.floor(4000 * np.exp(-((x - 50) ** 2 + (y - 70) ** 2) / 800))
    stripes = np.floor(600 * (1 + np.sin(2 * np.pi * (3 * x + y) / 29)))
    yield "grain alone", grain(size)
    yield "a broad spot in grain", spot + grain(size)
    yield "stripes in grain", stripes + grain(size)
    yield "one value", np.full((size, size), 100.0)


def main():
    cases = [{"name": name, "features": [round(float(v), 6) for v in statistics.features(tile)]} for name, tile in tiles()]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    origin = "models/training/tools/statistics_cases.py, with numpy's percentile, fft2 and hanning. Grain: " + grain.__doc__.split(": ")[1]
    OUT.write_text(json.dumps({"origin": origin, "names": statistics.NAMES, "cases": cases}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
