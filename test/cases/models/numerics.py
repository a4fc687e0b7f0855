"""Writes numerics.json: percentiles by numpy and resampled images by the training's own code. `/usr/bin/python3 numerics.py`."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

here = Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "models" / "training"))
from deepscope_training.resample import to_grid  # noqa: E402

rng = np.random.default_rng(5)
floats = rng.normal(0, 3, 1001).astype(np.float32).astype(np.float64)
integers = rng.integers(0, 65536, 999)
image = rng.integers(0, 1000, (7, 9)).astype(np.float32)
percents = [0, 1, 12.5, 50, 99, 99.9, 100]


def picture(array):
    return {"width": array.shape[1], "height": array.shape[0], "data": [float(v) for v in array.flatten()]}


found = {
    "origin": "test/cases/models/numerics.py: numpy.percentile, and resample.py of the training",
    "percents": percents,
    "floats": floats.tolist(),
    "floatPercentiles": np.percentile(floats, percents).tolist(),
    "floatMean": floats.mean(),
    "floatDeviation": floats.std(),
    "integers": integers.tolist(),
    "integerPercentiles": np.percentile(integers, percents).tolist(),
    "image": picture(image),
    "half": picture(to_grid(torch.from_numpy(image), 0.5).numpy()),
    "threeQuarters": picture(to_grid(torch.from_numpy(image), 0.75).numpy()),
}
(here / "numerics.json").write_text(json.dumps(found))
