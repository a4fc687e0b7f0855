"""Which of two networks is shipped: the one taught without an adversary to the end, or the one that had it in the last part."""

import numpy as np

from .. import heldout, metrics, package, train
from . import checks, fields, points, predict

FIELDS = 8  # for each held-out family, at every photon level


def compare(config, work):
    """A row for each variant: mean PSNR and SSIM over held-out fields that the evaluation does not use, and what is false in its pictures."""
    rows = []
    for name, folder in train.variant_folders(work).items():
        network, _ = package.load_network(config, folder)
        found = []
        for family in config.evaluation.families:
            pairs = fields.held_out(config, family, FIELDS, part=1) if family in heldout.FAMILIES else None
            for level in config.evaluation.photons if pairs else ():
                images, targets, _ = fields.shots(config, pairs, level, seed=level + 1)
                raised = fields.raise_all(config, images)
                found += [metrics.compare(predict.enhance(network, r, config.normalisation.percentiles)[0], t) for r, t in zip(raised, targets)]
        spots = points.spot_precision(config, network)
        rows.append(
            {
                "variant": name,
                "psnr": float(np.mean([f["psnr"] for f in found])),
                "ssim": float(np.mean([f["ssim"] for f in found])),
                "false_energy": max(r["network"] for r in checks.empty(config, network)),
                "spot_precision": min(r["precision"] for r in spots),
                "false_pairs": max(r["network"] for r in points.two_points(config, network) if r["separation"] < 1),
            }
        )
    return rows


def least_false(rows):
    """The variant whose energy in empty places is least."""
    return min(rows, key=lambda row: row["false_energy"])["variant"]


def load(config, work):
    """(network, checkpoint, rows of the comparison, name) of the variant that is shipped."""
    rows = compare(config, work)
    name = least_false(rows)
    return *package.load_network(config, train.variant_folders(work)[name]), rows, name
