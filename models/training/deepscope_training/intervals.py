"""What the scale of a second head stands for: intervals of its error, and how often they hold."""

import numpy as np
from torch.nn.functional import softplus

from . import metrics

INTERVALS = (0.5, 0.8, 0.95)
UNIT, FLOOR = 0.1, 1e-3  # of the scale, in those of the normalised input


def scale(values):
    """The Laplace scale of the error, always positive, for what the last layer of a second head gives (tensor)."""
    return UNIT * softplus(values) + FLOOR


def scaled(values):
    """`scale` of an array."""
    return UNIT * np.logaddexp(0, values) + FLOOR


def unscaled(scales):
    """What the last layer gave for an array of scales: the inverse of `scaled`."""
    above = np.maximum((scales.astype(float) - FLOOR) / UNIT, 1e-9)
    return above + np.log(-np.expm1(-above))


def level(target):
    """Above which a pixel of the picture `target` is signal: a tenth of its range."""
    return np.percentile(target, 0.1) + 0.1 * metrics.value_range(target)


def coverage(answers, specimens, looks=1):
    """Share of signal pixels (above the target's `level`) inside the Laplace INTERVALS. answers: {photons: [(image, scale, target)]}, so many `looks` in a row at
    one specimen each; one row for each interval and photon level with signal, labelled `specimens`, with the number of pictures that had signal (cases) and the
    95 % bootstrap interval over the specimens (low, high)."""
    rows = []
    for photons, given in answers.items():
        signals = [target > level(target) for *_, target in given]
        pixels = np.array([signal.sum() for signal in signals])
        if not pixels.any():
            continue
        of_specimen = pixels.reshape(-1, looks).sum(1)
        lit = of_specimen > 0
        for interval in INTERVALS:
            shares = [metrics.coverage(*answer, interval, signal) if signal.any() else 0.0 for answer, signal in zip(given, signals)]
            inside = (shares * pixels).reshape(-1, looks).sum(1)
            mean, low, high = metrics.bootstrap(inside[lit] / of_specimen[lit], of_specimen[lit])
            rows.append({"specimens": specimens, "photons": photons, "interval": interval, "cases": int((pixels > 0).sum()), "inside": mean, "low": low, "high": high})
    return rows
