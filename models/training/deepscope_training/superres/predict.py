"""Run a network on one image as the application does: whole-image normalisation, nothing around it, units of the input."""

import torch

from .. import normalisation


@torch.no_grad()
def enhance(network, image, percentiles):
    """(image, scale), both (Y, X) in the units of `image` (Y, X), which lies on the network's grid. It is mirrored below and to the right, up to a multiple of
    `network.step`: repeated pixels would be stripes of noise, which a network takes for structure."""
    y, offset, scale = normalisation.normalise(image, percentiles)
    bottom, right = (-n % network.step for n in y.shape)
    padded = torch.nn.functional.pad(y[None, None], (0, right, 0, bottom), mode="reflect")
    result = network(padded)[0, :, : y.shape[0], : y.shape[1]]
    return result[0] * scale + offset, result[1] * scale
