"""Run the network on images as the application does: normalisation of the whole image, nothing around it but what fills its sides up to what the network takes, units of the input."""

import torch

from ..normalisation import normalise, to_multiple
from .batches import UNIT

TOGETHER = 8  # planes in one run


def device_of(network):
    """Where a network's weights are; the CPU for one without any."""
    return next((p.device for p in network.parameters()), torch.device("cpu"))


@torch.no_grad()
def refocus(network, image, distances, percentiles, fixed=None):
    """The image (Y, X) at every distance: (images, scales), both (D, Y, X) in the units of `image`.

    distances: µm, a number or a map (Y, X) each. fixed: (offset, scale) of a series, of which this image is one.
    """
    y, offset, scale = normalise(image, percentiles) if fixed is None else ((image - fixed[0]) / fixed[1], *fixed)
    height, width = y.shape
    device = device_of(network)
    raw = to_multiple(y[None, None], network.step).to(device)
    maps = [torch.as_tensor(d, dtype=torch.float32).expand(y.shape) / UNIT for d in distances]
    dpm = to_multiple(torch.stack(maps)[:, None], network.step).to(device)
    made = torch.cat([network(raw, part) for part in dpm.split(TOGETHER)]).cpu()
    made = made[:, :, :height, :width]
    return made[:, 0] * scale + offset, made[:, 1] * scale
