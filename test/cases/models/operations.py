"""Writes operations.json: what the operations of BioImage.IO (bioimageio.spec, model v0_5) give, computed by numpy 1.24 and scipy 1.10
from the formulas of the specification. `/usr/bin/python3 operations.py`.

Percentiles: numpy's default method; of `clip` the method "inverted_cdf", as the reference runner bioimageio.core takes them.
"""

import json
from pathlib import Path

import numpy as np
from scipy.special import expit, softmax

rng = np.random.default_rng(11)
AXES = ["batch", "channel", "z", "y", "x"]
SHAPE = (2, 3, 2, 5, 7)
x = (rng.gamma(2, 40, SHAPE) + np.arange(3).reshape(1, 3, 1, 1, 1) * 50).astype(np.float32)
other = rng.normal(300, 25, SHAPE).astype(np.float32)
small = rng.normal(0, 2, (1, 4, 3, 3)).astype(np.float32)
cases = []


def case(name, operations, expected, *, value=x, axes=AXES, references=None, together=False, dtype="float32"):
    cases.append(
        {
            "name": name,
            "axes": axes,
            "dims": list(value.shape),
            "dtype": dtype,
            "operations": operations,
            "input": value.astype(np.float64).flatten().tolist(),
            "references": {k: {"dims": list(v.shape), "data": v.astype(np.float64).flatten().tolist()} for k, v in (references or {}).items()},
            "together": together,
            "expected": np.asarray(expected).astype(np.float64).flatten().tolist(),
        }
    )


def op(name, **kwargs):
    return {"id": name, "kwargs": kwargs} if kwargs else {"id": name}


def numbers(axes):
    return tuple(AXES.index(a) for a in axes) if axes else tuple(range(len(AXES)))


def unit(a, axes, eps=1e-6):
    n = numbers(axes)
    return (a - a.mean(n, keepdims=True)) / (a.std(n, keepdims=True) + eps)


def ranged(a, axes, low, high, eps=1e-6, of=None):
    of = a if of is None else of
    lower, upper = np.percentile(of, [low, high], axis=numbers(axes), keepdims=True)
    return (a - lower) / (upper - lower + eps)


d = x.astype(np.float64)
per_channel = lambda values: np.array(values).reshape(1, -1, 1, 1, 1)

case("binarize, one threshold", [op("binarize", threshold=100)], d > 100)
case("binarize, one threshold a channel", [op("binarize", threshold=[60, 120, 180], axis="channel")], d > per_channel([60, 120, 180]))
case("clip, fixed", [op("clip", min=50, max=150)], d.clip(50, 150))
case("clip, only from below", [op("clip", min=90)], d.clip(90, None))
low, high = np.percentile(d, [5, 90], axis=numbers("z y x".split()), keepdims=True, method="inverted_cdf")
case("clip, percentiles of each channel of each sample", [op("clip", min_percentile=5, max_percentile=90, axes=["z", "y", "x"])], d.clip(low, high))
high = np.percentile(d, 75, method="inverted_cdf")
case("clip, one percentile of everything and a fixed limit", [op("clip", min=30, max_percentile=75)], d.clip(30, high))
case("ensure_dtype, float to uint8", [op("ensure_dtype", dtype="uint8")], x.astype(np.int64).astype(np.uint8))
case("ensure_dtype, negative floats to int16", [op("ensure_dtype", dtype="int16")], (x - 150).astype(np.int16), value=x - 150)
case("ensure_dtype, to bool", [op("ensure_dtype", dtype="bool")], np.array([[0, 1, -3, 0.5]]).astype(bool), value=np.array([[0, 1, -3, 0.5]]), axes=["batch", "x"])
case("scale_linear", [op("scale_linear", gain=0.5, offset=-20)], d * 0.5 - 20)
case("scale_linear along the channels", [op("scale_linear", gain=[1, 2, -3], offset=[0, 5, 7], axis="channel")], d * per_channel([1, 2, -3]) + per_channel([0, 5, 7]))
case("scale_linear along y, one offset", [op("scale_linear", gain=[1, 2, 3, 4, 5], offset=1, axis="y")], d * np.arange(1, 6).reshape(1, 1, 1, 5, 1) + 1)
case("sigmoid", [op("sigmoid")], expit(small.astype(np.float64)), value=small, axes=["batch", "channel", "y", "x"])
case("softmax over channels, the default", [op("softmax")], softmax(small.astype(np.float64), 1), value=small, axes=["batch", "channel", "y", "x"])
case("softmax along x, large values", [op("softmax", axis="x")], softmax(small.astype(np.float64) * 400, 3), value=(small * np.float32(400)), axes=["batch", "channel", "y", "x"])
case("fixed_zero_mean_unit_variance", [op("fixed_zero_mean_unit_variance", mean=103.5, std=13.7)], (d - 103.5) / 13.7)
case(
    "fixed_zero_mean_unit_variance along the channels",
    [op("fixed_zero_mean_unit_variance", mean=[80, 130, 180], std=[10, 20, 30], axis="channel")],
    (d - per_channel([80, 130, 180])) / per_channel([10, 20, 30]),
)
case("zero_mean_unit_variance of everything", [op("zero_mean_unit_variance")], unit(d, None))
case("zero_mean_unit_variance of each channel of each sample", [op("zero_mean_unit_variance", axes=["z", "y", "x"])], unit(d, ["z", "y", "x"]))
case("zero_mean_unit_variance over channel and x, a large eps", [op("zero_mean_unit_variance", axes=["x", "channel"], eps=0.1)], unit(d, ["channel", "x"], 0.1))
case("zero_mean_unit_variance over the batch too", [op("zero_mean_unit_variance", axes=["batch", "y", "x"])], unit(d, ["batch", "y", "x"]))
case(
    "zero_mean_unit_variance of each channel, all planes together",
    [op("zero_mean_unit_variance", axes=["y", "x"])],
    unit(d, ["batch", "y", "x"]),
    together=True,
)
flat = np.full((1, 1, 4, 4), 7, np.float32)
case("zero_mean_unit_variance of a flat image", [op("zero_mean_unit_variance")], flat * 0, value=flat, axes=["batch", "channel", "y", "x"])
case("scale_range, minimum to maximum", [op("scale_range")], ranged(d, None, 0, 100))
case(
    "scale_range, percentiles of each channel",
    [op("scale_range", min_percentile=1, max_percentile=99.8, axes=["z", "y", "x"])],
    ranged(d, ["z", "y", "x"], 1, 99.8),
)
case("scale_range, a large eps", [op("scale_range", min_percentile=20, max_percentile=80, eps=0.05)], ranged(d, None, 20, 80, 0.05))
case(
    "scale_range, percentiles of another tensor",
    [op("scale_range", min_percentile=5, max_percentile=95, axes=["y", "x"], reference_tensor="other")],
    ranged(d, ["y", "x"], 5, 95, of=other.astype(np.float64)),
    references={"other": other},
)
n = numbers(["z", "y", "x"])
o = other.astype(np.float64)
matched = (d - d.mean(n, keepdims=True)) / (d.std(n, keepdims=True) + 1e-6) * (o.std(n, keepdims=True) + 1e-6) + o.mean(n, keepdims=True)
case("scale_mean_variance, each channel", [op("scale_mean_variance", reference_tensor="other", axes=["z", "y", "x"])], matched, references={"other": other})
matched = (d - d.mean()) / (d.std() + 1e-6) * (o.std() + 1e-6) + o.mean()
case("scale_mean_variance of everything", [op("scale_mean_variance", reference_tensor="other")], matched, references={"other": other})
step = ranged(d, ["z", "y", "x"], 1, 99.8).clip(0, 1) * 255
case(
    "a chain: percentiles, clip, scale, bytes",
    [
        op("scale_range", min_percentile=1, max_percentile=99.8, axes=["z", "y", "x"]),
        op("clip", min=0, max=1),
        op("scale_linear", gain=255, offset=0.25),
        op("ensure_dtype", dtype="uint8"),
    ],
    (step + 0.25).astype(np.uint8),
)
wide = rng.integers(0, 2**31, (1, 1, 3, 4)).astype(np.int64)
case("statistics of large integers lose no digits", [op("scale_range")], (wide - wide.min()) / (wide.max() - wide.min() + 1e-6), value=wide, axes=["batch", "channel", "y", "x"], dtype="int64")

here = Path(__file__).parent
origin = "test/cases/models/operations.py: numpy and scipy, from the formulas of bioimageio.spec"
(here / "operations.json").write_text(json.dumps({"origin": origin, "cases": cases}))
print(len(cases), "cases")
