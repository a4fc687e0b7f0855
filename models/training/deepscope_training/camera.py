"""A scientific camera: photoelectrons to grey values (`docs/optics.md`, Photons and camera), batched."""

import torch

from .normalisation import log_uniform, uniform


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


def least_gain(electrons, offset, bits):
    """The lowest gain (e⁻/ADU) with which `electrons` do not exceed what `bits` can say; numbers or tensors."""
    return electrons / (2**bits - 1 - offset)


def bleaching(generator):
    """What is left where the specimen had been lit before: a function of a shape (Y, X) → the share of the light, at the same places of the field for every shape. A disc
    anywhere in or beside the field, where 30–90 % are left. It is laid over both pictures, not over the specimen; so its edge is softer (0.1–0.3 of the field) than any lens would make it."""
    y, x = (uniform(generator, -0.2, 1.2) for _ in range(2))
    radius, edge, left = uniform(generator, 0.1, 0.6), uniform(generator, 0.1, 0.3), uniform(generator, 0.3, 0.9)

    def share(shape):
        down, across = ((torch.arange(size) + 0.5) / size for size in shape)
        inside = torch.sigmoid((radius - torch.hypot(down[:, None] - y, across[None, :] - x)) / (edge / 4))
        return 1 - (1 - left) * inside

    return share


def photograph(source, target, settings, generator, photons=None, background=None):
    """One noisy image (ADU) of the expectation `source`, and the noise-free `target` in the same units; settings: the camera
    section of a configuration; photons and background replace its random draw."""
    photons = photons or log_uniform(generator, *settings.photons, settings.dim)
    background = log_uniform(generator, *settings.background) if background is None else background
    offset, gain, read_noise = (uniform(generator, *v) for v in (settings.offset, settings.gain, settings.read_noise))
    if settings.bleached and uniform(generator, 0, 1) < settings.bleached:
        shining = bleaching(generator)
        source, target = (of * shining(of.shape[-2:]) if of.dim() > 1 else of for of in (source, target))
    bits = 12 if settings.twelve_bit and uniform(generator, 0, 1) < settings.twelve_bit else 16
    if bits == 12:
        gain = max(gain, least_gain(photons * (float(source.max()) + background), offset, bits))
    image = read_out(photons * (source + background), offset, gain, read_noise, generator, bits)
    target = offset + photons * (target + background) / gain
    if uniform(generator, 0, 1) < settings.hot_pixels:
        image = torch.clamp(hot_pixels(image, 1e-4, 3 * photons / gain, generator), max=2**bits - 1)
    if uniform(generator, 0, 1) < settings.eight_bit:
        lowest, highest = image.min(), torch.clamp(image.max(), min=float(image.min()) + 1)
        target = (target - lowest) / (highest - lowest) * 255
        image = requantise(image)
    return image, target
