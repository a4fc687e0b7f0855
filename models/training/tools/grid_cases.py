"""Writes test/cases/models/area-resample.json: what PyTorch makes of a picture on finer and coarser grids (localization/batches.resampled)."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from deepscope_training.localization import batches  # noqa: E402

OUT = Path(__file__).resolve().parents[3] / "test" / "cases" / "models" / "area-resample.json"
HEIGHT, WIDTH = 23, 31
RATIOS = (0.75, 1.5, 3.75, 1.2)  # grid pixel / image pixel


def picture():
    """Whole numbers: (37 x + 91 y + x y) mod 53 + 40 where x > 12."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (37 * x + 91 * y + x * y) % 53 + 40 * (x > 12)


def main():
    given = torch.from_numpy(picture()).double()[None]
    cases = []
    for ratio in RATIOS:
        made = batches.resampled(given, 1.0, ratio)[0]
        cases.append({"ratio": ratio, "height": made.shape[0], "width": made.shape[1], "values": [round(float(v), 4) for v in made.ravel()]})
    origin = f"models/training/tools/grid_cases.py, with PyTorch {torch.__version__}. Picture, {HEIGHT} rows of {WIDTH}: {picture.__doc__}"
    OUT.write_text(json.dumps({"origin": origin, "height": HEIGHT, "width": WIDTH, "cases": cases}, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
