"""Bring an image to another pixel grid by Catmull-Rom interpolation; the runner in the application does exactly the same.

Both grids share their corners (pixels are areas): output pixel i has its middle at input coordinate
u = (i + 0.5)·ratio - 0.5, ratio = output pixel / input pixel. With k = floor(u), t = u - k the value is
Σ w_j x[k + j], j = -1…2, indices beyond the edge take the edge's pixel, and (Catmull & Rom 1974, a = -1/2)
w_-1 = -t³/2 + t² - t/2,  w_0 = 3t³/2 - 5t²/2 + 1,  w_1 = -3t³/2 + 2t² + t/2,  w_2 = t³/2 - t²/2.
Rows and columns are interpolated one after the other. A ratio of 1 changes nothing.
"""

import functools

import torch

NAME = "catmull-rom"


@functools.lru_cache(maxsize=64)
def taps(length, ratio):
    """For one axis of `length` pixels: four (indices, weights) of round(length/ratio) elements each."""
    out = round(length / ratio)
    u = (torch.arange(out, dtype=torch.float64) + 0.5) * ratio - 0.5
    k = torch.floor(u)
    t = u - k
    weights = (
        -(t**3) / 2 + t**2 - t / 2,
        3 * t**3 / 2 - 5 * t**2 / 2 + 1,
        -3 * t**3 / 2 + 2 * t**2 + t / 2,
        t**3 / 2 - t**2 / 2,
    )
    return [(torch.clamp(k + j, 0, length - 1).long(), w.float()) for j, w in enumerate(weights, start=-1)]


def to_grid(image, ratio):
    """`image` (…, Y, X) on a grid of another pixel; `ratio` 0.5 doubles the number of pixels along each axis."""
    if ratio == 1:
        return image
    image = sum(image[..., i.to(image.device)] * w.to(image.device) for i, w in taps(image.shape[-1], ratio))
    return sum(image[..., i.to(image.device), :] * w.to(image.device)[:, None] for i, w in taps(image.shape[-2], ratio))
