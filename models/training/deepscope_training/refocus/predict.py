"""Run the network on images as the application does: normalisation of the whole image, nothing around it, units of the input."""

import torch
from torch.nn.functional import pad

from ..normalisation import normalise
from .batches import UNIT

TOGETHER = 8  # planes in one run


def device_of(network):
    """Where a network's weights are; the CPU for one without any."""
    return next((p.device for p in network.parameters()), torch.device("cpu"))


@torch.no_grad()
def refocus(network, image, distances, percentiles, fixed=None):
    """The image (Y, X) at every distance: (images, scales), both (D, Y, X) in the units of `image`.

    distances: µm, a number or a map (Y, X) each. fixed: (offset, scale) of a series, of which this image is one. Below and to the right the image is
    mirrored up to a multiple of `network.step`. Repeated pixels would be wrong: noise that is repeated is drawn out into stripes, which a network takes for structure.
    """
    y, offset, scale = normalise(image, percentiles) if fixed is None else ((image - fixed[0]) / fixed[1], *fixed)
    height, width = y.shape
    bottom, right = (-n % network.step for n in y.shape)
    sides = (0, right, 0, bottom)
    device = device_of(network)
    raw = pad(y[None, None], sides, mode="reflect").to(device)
    maps = [torch.as_tensor(d, dtype=torch.float32).expand(y.shape) / UNIT for d in distances]
    dpm = pad(torch.stack(maps)[:, None], sides, mode="reflect").to(device)
    made = torch.cat([network(raw, part) for part in dpm.split(TOGETHER)]).cpu()
    made = made[:, :, :height, :width]
    return made[:, 0] * scale + offset, made[:, 1] * scale
