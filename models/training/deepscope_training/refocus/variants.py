"""What is compared of the two variants of a training before one is shipped."""

import numpy as np
import torch

from .. import metrics, variants
from . import checks, heldout, observe, predict

DISTANCES = (-5.0, 5.0)  # µm
PHOTONS = 500


def measure(config, network):
    """Mean PSNR and SSIM over one held-out specimen of each family that the evaluation does not use, and the energy in empty places."""
    found = []
    for family in heldout.FAMILIES:
        stacks = observe.held_out(config, family, 1, [0.0, *DISTANCES], first=1000)[0]
        image = observe.photograph(config, stacks[0][0], PHOTONS, torch.Generator().manual_seed(1))
        made = predict.refocus(network, image, DISTANCES, config.normalisation.percentiles)[0]
        found += [metrics.compare(m, t, checks.EDGE) for m, t in zip(made, observe.truth(config, observe.target(config, stacks)[1:], PHOTONS))]
    psnr, ssim = (float(np.mean([f[key] for f in found])) for key in ("psnr", "ssim"))
    return {"psnr": psnr, "ssim": ssim, "false_energy": max(r["energy"] for r in checks.empty(config, network))}


def load(config, work):
    """(network, checkpoint, rows of the comparison, name) of the variant that is shipped."""
    return variants.load(config, work, measure)
