"""A scientific camera: photoelectrons to grey values (`docs/optics.md`, Photons and camera), batched."""

import torch


def read_out(expected, offset, gain, read_noise, generator=None, bits=16):
    """Grey values (ADU) of pixels that expect `expected` photoelectrons.

    clip(round(offset + (Poisson(μ) + N(0, σ)) / gain), 0, 2^bits - 1); `offset` in ADU, `gain` in e⁻/ADU, `read_noise` in e⁻.
    All broadcast against `expected`.
    """
    electrons = torch.poisson(torch.clamp(expected, min=0.0), generator=generator)
    electrons = electrons + read_noise * torch.randn(expected.shape, generator=generator, device=expected.device)
    return torch.clamp(torch.round(offset + electrons / gain), 0, 2**bits - 1)


def hot_pixels(image, fraction, strength, generator=None):
    """Add `strength` ADU (exponentially distributed, that mean) to a random `fraction` of the pixels."""
    chosen = torch.rand(image.shape, generator=generator, device=image.device) < fraction
    extra = torch.empty_like(image).exponential_(1.0, generator=generator) * strength
    return image + chosen * extra


def requantise(image, levels=255):
    """An 8-bit picture of `image`, as cameras' drivers and exporters make it: stretched to 0…`levels` and rounded."""
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    return torch.round((image - low) / torch.clamp(high - low, min=1e-6) * levels)
