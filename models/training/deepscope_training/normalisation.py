"""How an image is brought to the range that networks read, and random numbers of one generator."""

import math

import numpy as np
import torch

EPSILON = 1e-6


def percentile_range(image, percentiles):
    """The two percentiles of one image (Y, X), interpolated linearly as numpy and BioImage.IO's scale_range do."""
    low, high = np.percentile(image.cpu().numpy(), percentiles)
    return float(low), float(high)


def normalise(image, percentiles):
    """BioImage.IO scale_range of one image: y = (x - low) / (high - low + ε). Returns y, offset, scale with x = y·scale + offset."""
    low, high = percentile_range(image, percentiles)
    scale = high - low + EPSILON
    return (image - low) / scale, low, scale


def to_multiple(image, step):
    """An image (…, Y, X), mirrored below and to the right up to the next multiples of `step`, the last pixels not repeated: what the application lets a network see of it.
    Repeated pixels would be stripes of noise, which networks take for structure."""

    def mirrored(length):
        period = max(1, 2 * (length - 1))
        place = torch.arange(length + -length % step, device=image.device) % period
        return torch.minimum(place, period - place)

    rows, columns = (mirrored(length) for length in image.shape[-2:])
    return image[..., rows[:, None], columns]


def log_uniform(generator, low, high, power=1.0):
    return math.exp(uniform(generator, math.log(low), math.log(high), power))


def uniform(generator, low, high, power=1.0):
    """Between low and high; a power above 1 draws low values more often."""
    return low + (high - low) * float(torch.rand((), generator=generator)) ** power
