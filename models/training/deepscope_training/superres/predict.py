"""Run a network on one image as the application does: whole-image normalisation, replicated borders, units of the input."""

import torch

from .. import normalisation


@torch.no_grad()
def enhance(network, image, percentiles, halo=None):
    """(image, scale), both (Y, X) in the units of `image` (Y, X), which lies on the network's grid.

    halo: pixels of replicated border, the network's reach by default.
    """
    y, offset, scale = normalisation.normalise(image, percentiles)
    halo = network.reach() if halo is None else halo
    bottom, right = (halo + -n % network.step for n in y.shape)
    padded = torch.nn.functional.pad(y[None, None], (halo, right, halo, bottom), mode="replicate")
    result = network(padded)[0, :, halo : halo + y.shape[0], halo : halo + y.shape[1]]
    return result[0] * scale + offset, result[1] * scale
