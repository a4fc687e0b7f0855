"""Run a network on one image as the application does: whole-image normalisation, nothing around it but what fills its sides up to what the network takes, units of the input."""

import torch

from .. import normalisation


@torch.no_grad()
def enhance(network, image, percentiles):
    """(image, scale), both (Y, X) in the units of `image` (Y, X), which lies on the network's grid."""
    y, offset, scale = normalisation.normalise(image, percentiles)
    result = network(normalisation.to_multiple(y[None, None], network.step))[0, :, : y.shape[0], : y.shape[1]]
    return result[0] * scale + offset, result[1] * scale
