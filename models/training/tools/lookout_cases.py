"""Writes test/cases/trust/lookout.json: what PyTorch makes of a picture and of weights that any language can repeat."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from deepscope_training.superres import lookout  # noqa: E402

OUT = Path(__file__).resolve().parents[3] / "test" / "cases" / "trust" / "lookout.json"
SIZE = (72, 64)  # rows, columns


def weights(number, shape):
    """sin(0.7 i + n) · sqrt(2 / values that are summed), i = 0, 1, … in rows, for the n-th tensor."""
    count = int(np.prod(shape))
    inputs = int(np.prod(shape[1:])) if len(shape) > 1 else 50
    return torch.tensor(np.sin(0.7 * np.arange(count) + number) * np.sqrt(2 / inputs), dtype=torch.float32).reshape(shape)


def picture():
    """Whole numbers: floor(800 exp(-((x - 30)² + (y - 40)²) / 60)) + (37 x + 91 y + x y) mod 53."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.floor(800 * np.exp(-((x - 30) ** 2 + (y - 40) ** 2) / 60)) + (37 * x + 91 * y + x * y) % 53


def main():
    network = lookout.Lookout(folded=True).eval()
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.copy_(weights(number, parameter.shape))
        logits = lookout.look(network, torch.from_numpy(picture()).float()[None])
        odd, blurred = (float(v[0]) for v in lookout.score(logits))
    case = {
        "origin": f"models/training/tools/lookout_cases.py, with PyTorch {torch.__version__}. Picture: {picture.__doc__} Weights: {weights.__doc__}",
        "layers": [list(layer) for layer in zip((8, *lookout.WIDTHS), lookout.WIDTHS, lookout.STRIDES)],
        "columns": SIZE[1] // lookout.STRIDE,
        "rows": SIZE[0] // lookout.STRIDE,
        "odd": [round(float(v), 5) for v in logits[0, 0].ravel()],
        "blurred": [round(float(v), 5) for v in logits[0, 1].ravel()],
        "oddest": round(odd, 5),
        "blurredness": round(blurred, 5),
    }
    OUT.write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
