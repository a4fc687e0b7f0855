"""What the scale of a second head stands for: intervals of its error, and how often they hold."""

import numpy as np
import torch
from torch.nn.functional import softplus

from . import metrics

INTERVALS = (0.5, 0.8, 0.95)
UNIT, FLOOR = 0.1, 1e-3  # of the scale, in those of the normalised input


def scale_of(layer):
    """The Laplace scale of the error, always positive, for what the last layer of a second head gives (tensor)."""
    return UNIT * softplus(layer) + FLOOR


def layer_of(scale):
    """What the last layer gave for a scale (tensor): the inverse of `scale_of`, for scales a billionth above the least and more."""
    above = ((scale.double() - FLOOR) / UNIT).clamp(min=1e-9)
    return above + torch.log(-torch.expm1(-above))


def level(target):
    """Above which a pixel of the picture `target` is signal: a tenth of its range."""
    return np.percentile(target, 0.1) + 0.1 * metrics.value_range(target)


def signal(target):
    """Where the picture `target` is signal, above its `level`."""
    return target > level(target)


def coverage(answers, specimens, looks=1):
    """Share of signal pixels (above the target's `level`) inside the Laplace INTERVALS. answers: {photons: [(image, scale, target)]}, so many `looks` in a row at
    one specimen each; one row for each interval and photon level with signal, labelled `specimens`, with the number of pictures that had signal (cases) and the
    95 % bootstrap interval over the specimens (low, high)."""
    rows = []
    for photons, given in answers.items():
        signals = [signal(target) for *_, target in given]
        pixels = np.array([where.sum() for where in signals])
        if not pixels.any():
            continue
        of_specimen = pixels.reshape(-1, looks).sum(1)
        lit = of_specimen > 0
        for interval in INTERVALS:
            shares = [metrics.coverage(*answer, interval, where) if where.any() else 0.0 for answer, where in zip(given, signals)]
            inside = (shares * pixels).reshape(-1, looks).sum(1)
            mean, low, high = metrics.bootstrap(inside[lit] / of_specimen[lit], of_specimen[lit])
            rows.append({"specimens": specimens, "photons": photons, "interval": interval, "cases": int((pixels > 0).sum()), "inside": mean, "low": low, "high": high})
    return rows
