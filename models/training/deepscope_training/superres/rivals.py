"""What the classical methods reach on the evaluation's photographs: remembered, since no network changes it."""

import sys

import numpy as np

from .. import camera, metrics, modalities, optics, remembered, resample
from . import baselines, config as configuration, fields

SOURCES = (baselines, camera, configuration, fields, metrics, modalities, optics, resample, sys.modules[__name__])
PIECE = 8  # fields that are deconvolved together: few enough to stay in the processor's cache
REGULARISATION = tuple(10.0**p for p in (-5, -4.5, -4, -3.5, -3, -2.5, -2, -1.5, -1))
TOTAL_VARIATION = (0.003, 0.02, 0.05)


def restorer(config, pixels):
    source, target = (config.optics.objective(which) for which in ("input", "target"))
    evaluation = config.evaluation
    return baselines.Deconvolution(source, target, evaluation.wavelength, evaluation.spherical, pixels)


def mean_psnr(images, targets):
    return float(np.mean([metrics.compare(i, t)["psnr"] for i, t in zip(images, targets)]))


def better_of(first, second):
    """Field by field the figures of the higher PSNR."""
    return [b if b["psnr"] > a["psnr"] else a for a, b in zip(first, second)]


def oracle(config, deconvolution, electrons, targets):
    """For each field the figures of Richardson-Lucy, plain and with total variation, at the settings that are best for it, its answer known.
    All iterations are tried: what falls for some may rise again, as where a few bright points stand on a dark ground."""
    nothing = [{"psnr": -np.inf}] * len(targets)
    best = {"richardson-lucy": nothing, "rl-tv": nothing}
    for strength in (0.0, *TOTAL_VARIATION):
        name = "rl-tv" if strength else "richardson-lucy"
        for _, result in deconvolution.richardson_lucy(electrons, fields.CAMERA["read_noise"], config.evaluation.iterations, strength):
            best[name] = better_of(best[name], [metrics.compare(r, t) for r, t in zip(fields.grey(result), targets)])
    return best


@remembered.by(*SOURCES)
def choose(config, pairs, photons, seed):
    """The settings of Richardson-Lucy (iterations) and of it with total variation (iterations, strength) with the best mean PSNR on `pairs`."""
    images, targets, electrons = fields.shots(config, pairs, photons, seed)
    deconvolution, best = restorer(config, images.shape[-1]), {}
    for strength in (0.0, *TOTAL_VARIATION):
        name = "rl-tv" if strength else "richardson-lucy"
        for count, result in deconvolution.richardson_lucy(electrons, fields.CAMERA["read_noise"], config.evaluation.iterations, strength):
            found = mean_psnr(result, targets)
            if found > best.get(name, (-np.inf,))[0]:
                best[name] = (found, count, strength)
    return {name: [count, strength] for name, (_, count, strength) in best.items()}


@remembered.by(*SOURCES)
def piece(config, images, electrons, targets, settings):
    """For each photograph {candidate: figures} of every classical method; settings: as `choose` gives them, or None: then every method has the best for
    each photograph, as Wiener's filter always has. At most PIECE of them."""
    factor, deconvolution = config.optics.factor, restorer(config, images.shape[-1])
    shown = {name: getattr(baselines, name)(images, factor) for name in ("nearest", "bilinear", "bicubic")}
    for name, (count, strength) in (settings or {}).items():
        shown[name] = fields.grey(next(deconvolution.richardson_lucy(electrons, fields.CAMERA["read_noise"], [count], strength))[1])
    known = oracle(config, deconvolution, electrons, targets) if settings is None else {}
    filtered = [fields.grey(deconvolution.wiener(electrons, r)) for r in REGULARISATION]
    rows = []
    for index, target in enumerate(targets):
        row = {name: metrics.compare(stack[index], target) for name, stack in shown.items()}
        row |= {name: figures[index] for name, figures in known.items()}
        row["wiener"] = max((metrics.compare(stack[index], target) for stack in filtered), key=lambda f: f["psnr"])
        rows.append(row)
    return rows


def figures(config, images, electrons, targets, settings):
    """Likewise for any number of photographs."""
    pieces = zip(images.split(PIECE), electrons.split(PIECE), targets.split(PIECE))
    return [row for given in pieces for row in piece(config, *given, settings)]
