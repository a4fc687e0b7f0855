"""What is compared of the two variants of a training before one is shipped."""

import numpy as np

from .. import heldout, metrics, variants
from . import checks, fields, points, predict

FIELDS = 8  # for each held-out family, at every photon level


def measure(config, network):
    """Mean PSNR and SSIM over held-out fields that the evaluation does not use, and what is false in the network's pictures."""
    found = []
    for family in config.evaluation.families:
        pairs = fields.held_out(config, family, FIELDS, part=1) if family in heldout.FAMILIES else None
        for level in config.evaluation.photons if pairs else ():
            images, targets, _ = fields.shots(config, pairs, level, seed=level + 1)
            raised = fields.raise_all(config, images)
            found += [metrics.compare(predict.enhance(network, r, config.normalisation.percentiles)[0], t) for r, t in zip(raised, targets)]
    return {
        "psnr": float(np.mean([f["psnr"] for f in found])),
        "ssim": float(np.mean([f["ssim"] for f in found])),
        "false_energy": max(r["network"] for r in checks.empty(config, network)),
        "spot_precision": min(r["precision"] for r in points.spot_precision(config, network)),
        "false_pairs": max(r["network"] for r in points.two_points(config, network, points.SEPARATIONS[:1])),
    }


def load(config, work):
    """(network, checkpoint, rows of the comparison, name) of the variant that is shipped."""
    return variants.load(config, work, measure)
