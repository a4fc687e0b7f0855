"""What the scale of a second head stands for: intervals of its error, and how often they hold."""

import numpy as np

from . import metrics

INTERVALS = (0.5, 0.8, 0.95)


def level(target):
    """Above which a pixel of the picture `target` is signal: a tenth of its range."""
    return np.percentile(target, 0.1) + 0.1 * metrics.value_range(target)


def coverage(answers, specimens):
    """Share of signal pixels (above the target's `level`) inside the Laplace INTERVALS. answers: {photons: [(image, scale, target)]}; one row for each
    photon level and interval, labelled `specimens`, with the number of pictures that had signal (cases) and the 95 % bootstrap interval over them (low, high)."""
    rows = []
    for photons, given in answers.items():
        judged = [(image, scale, target, signal) for image, scale, target in given if (signal := target > level(target)).any()]
        weights = [signal.sum() for *_, signal in judged]
        for interval in INTERVALS:
            inside = [metrics.coverage(image, scale, target, interval, signal) for image, scale, target, signal in judged]
            mean, low, high = metrics.bootstrap(inside, weights) if judged else (float("nan"),) * 3
            rows.append({"specimens": specimens, "photons": photons, "interval": interval, "cases": len(judged), "inside": mean, "low": low, "high": high})
    return rows
