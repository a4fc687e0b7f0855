"""A line through all errors that a network expects. It learned their size from jittered patches of the pool; of whole pictures, as the application gives it, it may tell them a few percent too small or
too large, and more so in one light than in another. Two numbers mend some of that, as Platt's scaling does for classifiers (Platt 1999; Guo et al. 2017)."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize

from . import __version__, intervals, kinds, results
from .errors import TrainingError
from .package import made_now, put, put_description, read_description, save_array, sha256

FIRST = {"fit": 30_000_000, "check": 31_000_000}  # number of the first fresh specimen: neither a training nor an evaluation uses those from these on
SPECIMENS = {"superres": 800, "refocus": 200}  # to fit the line to; of 48 the shares inside are known to three percent only, of 200 to one and a half. Those of refocusing are slow to make
CHECK = 0.5  # of as many, others, by which the line must be better
SLOPES, FARTHEST = (0.5, 2.0), 1.0  # of the line through what the last layer gives, whose unit is nearly the logarithm of the expected error; how far it may lie from there at 0
HALF_WIDTHS = -np.log1p(-np.array(intervals.INTERVALS))  # of the intervals of a Laplace distribution of scale 1


def looked_at(config, network, part):
    """[(errors, what the last layer gives)] of the signal pixels of fresh specimens, for each level of light in which there are any; tensors, in units of the network."""
    count, found = max(1, round(SPECIMENS[config.kind] * (CHECK if part == "check" else 1))), []
    for answers in kinds.of(config).fresh(config, network, count, FIRST[part]).values():
        lit = [(np.abs(image - target)[where] / unit, scale[where] / unit) for image, scale, target, unit in answers if (where := intervals.signal(target)).any()]
        if lit:
            errors, scales = (torch.from_numpy(np.concatenate(values)) for values in zip(*lit))
            found.append((errors, intervals.layer_of(scales)))
    if not found:
        raise TrainingError("None of the fresh specimens shows anything; their expected errors cannot be fitted.")
    return found


def amiss(line, looked):
    """Sum over levels of light and intervals of the squared difference between the share inside and what the interval says; line: (slope, offset)."""
    slope, offset = (float(v) for v in line)
    missed = 0.0
    for errors, layer in looked:
        scales = intervals.scale_of(slope * layer + offset)
        missed += sum((float((errors <= width * scales).double().mean()) - interval) ** 2 for width, interval in zip(HALF_WIDTHS, intervals.INTERVALS))
    return missed


@torch.no_grad()
def fit(config, network):
    """Lay a line through what the last layer of the second head of `network` gives, so that on fresh specimens of the training's families, at each of the evaluation's levels of light, the shares inside
    the intervals are right in the least squares. Where it is no better on others, the network is left as it is. Returns {slope, offset}, or None, and a sentence."""
    network.eval()
    options = {"initial_simplex": [(1, 0), (1.2, 0), (1, 0.2)], "xatol": 1e-3, "fatol": 1e-7}
    looked = looked_at(config, network, "fit")
    slope, offset = (float(v) for v in minimize(amiss, (1.0, 0.0), (looked,), "Nelder-Mead", bounds=(SLOPES, (-FARTHEST, FARTHEST)), options=options).x)
    others = looked_at(config, network, "check")
    before, after = (float(np.sqrt(amiss(line, others) / (len(others) * len(HALF_WIDTHS)))) for line in ((1, 0), (slope, offset)))
    told = f"{slope:.3f} times what the second head's last layer gives, {offset:+.3f}: on other specimens the shares inside the intervals miss {after:.4f} (RMS) instead of {before:.4f}"
    if after >= before:
        return None, f"{told}; left as it was."
    network.scale.weight.mul_(slope)
    network.scale.bias.mul_(slope).add_(offset)
    return {"slope": round(slope, 4), "offset": round(offset, 4)}, f"{told}."


def run(config, out, report=print):
    """Do so with the package in the folder `out`, whose checkpoint nobody has any more, with the factory's present version, and measure it anew. Nothing in `out` changes before all of that is done."""
    out, kind = Path(out), kinds.of(config)
    if not hasattr(kind, "fresh"):
        raise TrainingError(f"Networks of the kind {config.kind} have no second head that judges their picture.")
    network, *_ = results.of_run_or_package(config, None, out, None)
    description = read_description(out)
    if damaged := [told["source"] for told in files_of(description) if not (out / told["source"]).is_file() or sha256(out / told["source"]) != told["sha256"]]:
        raise TrainingError(f"{out / damaged[0]} is not the file that rdf.yaml tells of; export the package anew.")
    line, told = fit(config, network)
    report(told)
    if line is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / out.name
        shutil.copytree(out, made)
        put(made / "model.onnx", lambda part: kind.to_onnx(network, part))
        for name, tensor in kind.test_tensors(config, network).items():
            put(made / name, lambda part, tensor=tensor: save_array(part, tensor))
        for told in files_of(description):
            told["sha256"] = sha256(made / told["source"])
        put_description(made, description | made_now())
        result = results.read(made)
        before = result["training"].get("widened") or {"slope": 1.0, "offset": 0.0}
        result["training"]["widened"] = {"slope": round(line["slope"] * before["slope"], 4), "offset": round(line["slope"] * before["offset"] + line["offset"], 4)}
        results.keep(made, {**result, "version": __version__})
        kind.evaluate(config, None, made, report)
        for path in sorted(made.iterdir(), key=lambda path: path.name == "rdf.yaml"):
            put(out / path.name, lambda part, path=path: shutil.copyfile(path, part))


def files_of(description):
    """The parts of a description that name a file with its hash."""
    if isinstance(description, dict):
        own = [description] if "sha256" in description and "source" in description else []
        return own + [told for value in description.values() for told in files_of(value)]
    return [told for value in description for told in files_of(value)] if isinstance(description, list) else []
