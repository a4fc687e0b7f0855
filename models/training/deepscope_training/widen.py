"""A line through all errors that a network expects. It learned their size from jittered patches of the pool; of whole pictures, as the application gives it, it may tell them a few percent too small or
too large, and more so in one light than in another. Two numbers mend much of that, as Platt's scaling does for classifiers (Platt 1999; Guo et al. 2017)."""

import json
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize

from . import __version__, initial, intervals, kinds, results
from .errors import TrainingError
from .package import put, put_description, read_description, save_array, sha256

FIRST = 30_000_000  # number of the first fresh specimen: neither a training nor an evaluation uses those from it on
SPECIMENS = 200  # of 48 the shares inside are known to some three percent only
SLOPES, FARTHEST = (0.5, 2.0), 1.0  # of the line through what the last layer gives, whose unit is nearly the logarithm of the expected error; how far it may lie from there at 0
HALF_WIDTHS = -np.log1p(-np.array(intervals.INTERVALS))  # of the intervals of a Laplace distribution of scale 1


@torch.no_grad()
def fit(config, network):
    """Lay a line through what the last layer of the second head gives, so that on fresh specimens of the training's families, at each of the evaluation's levels of light, the shares inside the intervals
    are right in the least squares. Returns {slope, offset}."""
    lit = []
    for answers in kinds.of(config).fresh(config, network.eval(), SPECIMENS, FIRST).values():
        signals = [(target > intervals.level(target), *answer) for answer in answers for target in [answer[2]]]
        error = np.concatenate([(np.abs(image - target) / unit)[signal] for signal, image, _, target, unit in signals])
        lit.append((error, np.concatenate([intervals.unscaled(scale / unit)[signal] for signal, _, scale, _, unit in signals])))

    def amiss(line):
        slope, offset = line
        shares = [[np.mean(error <= width * intervals.scaled(slope * values + offset)) for width in HALF_WIDTHS] for error, values in lit if error.size]
        return float(np.sum((np.array(shares) - intervals.INTERVALS) ** 2))

    found = minimize(amiss, (1.0, 0.0), method="Nelder-Mead", bounds=(SLOPES, (-FARTHEST, FARTHEST)), options={"initial_simplex": [(1, 0), (1.2, 0), (1, 0.2)], "xatol": 1e-3, "fatol": 1e-7})
    slope, offset = (float(v) for v in found.x)
    network.scale.weight.mul_(slope)
    network.scale.bias.mul_(slope).add_(offset)
    return {"slope": round(slope, 4), "offset": round(offset, 4)}


def run(config, out, report=print):
    """Do so with the package in the folder `out`, whose checkpoint nobody has any more, write it with the factory's present version, and measure it anew."""
    out, kind = Path(out), kinds.of(config)
    if not hasattr(kind, "fresh"):
        raise TrainingError(f"Networks of the kind {config.kind} have no second head that judges their picture.")
    network, told, description = kind.build(config), results.read(out), read_description(out)
    initial.weights(out, network)
    line = fit(config, network)
    report(f"What the second head's last layer gives is now {line['slope']:.3f} times as much and {line['offset']:+.3f}.")
    put(out / "model.onnx", lambda part: kind.to_onnx(network, part))
    for name, tensor in kind.test_tensors(config, network).items():
        put(out / name, lambda part, tensor=tensor: save_array(part, tensor))
    before = told["training"].get("widened") or {"slope": 1.0, "offset": 0.0}
    told["training"]["widened"] = {"slope": round(line["slope"] * before["slope"], 4), "offset": round(line["slope"] * before["offset"] + line["offset"], 4)}
    text = json.dumps({**told, "version": __version__}, indent=1, ensure_ascii=False) + "\n"
    put(out / "metrics.json", lambda part: Path(part).write_text(text, encoding="utf-8"))
    put_description(out, hashed({**description, "version": __version__}, out))
    kind.evaluate(config, None, out, report)


def hashed(description, out):
    """The description with the hashes that the files of `out` have now."""
    if isinstance(description, dict):
        told = {key: hashed(value, out) for key, value in description.items()}
        return {**told, "sha256": sha256(out / told["source"])} if "sha256" in told and "source" in told else told
    return [hashed(value, out) for value in description] if isinstance(description, list) else description
