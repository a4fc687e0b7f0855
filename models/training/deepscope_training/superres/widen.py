"""One factor on all errors that a network expects. It learned their size from jittered patches of the pool; of whole pictures, as the application gives it, it may tell all of them a few percent too
small or too large, and one number mends that as temperature scaling does for classifiers (Guo et al. 2017)."""

import numpy as np
import torch

from .. import intervals
from . import fields, predict

FIRST = 30_000_000  # pool indices that neither a training nor an evaluation uses
FIELDS = 200  # of 48 the shares inside are known to some three percent only
FARTHEST, HALVINGS = 1.0, 9  # of the last bias, whose unit is nearly the logarithm of the expected error


@torch.no_grad()
def run(config, network):
    """Move the last bias of the second head until, on fresh specimens of the training's families at the evaluation's levels of light, the shares inside the intervals are right on average. Returns by
    how much it was moved; at most FARTHEST either way."""
    pairs = fields.seen(config, min(FIELDS, config.evaluation.fields), first=FIRST)
    taken = {}
    for level in config.evaluation.photons:
        images, targets, _ = fields.shots(config, pairs, level, seed=level + 2)
        taken[level] = list(zip(fields.raise_all(config, images), targets))
    bias = network.eval().scale.bias
    begun, low, high = bias.clone(), -FARTHEST, FARTHEST
    for _ in range(HALVINGS):
        shift = (low + high) / 2
        bias.copy_(begun + shift)
        answers = {
            level: [(*(v.numpy() for v in predict.enhance(network, image, config.normalisation.percentiles)), target.numpy()) for image, target in shots]
            for level, shots in taken.items()
        }
        low, high = (shift, high) if np.mean([r["inside"] - r["interval"] for r in intervals.coverage(answers, "fresh")]) < 0 else (low, shift)
    return shift
