"""Photographs of the pool's fields: camera, normalisation and cropping, drawn anew for every batch from (seed, step)."""

import numpy as np
import torch

from .. import camera
from ..normalisation import log_uniform, normalise, uniform
from ..resample import to_grid

LEAST_ALONE = 0.05  # of the field's peak: a part that is dimmer is not photographed for itself


def photograph(low, high, ratio, settings, generator, photons=None, background=None):
    """One noisy input (ADU, on the target's grid) of an expectation `low`, and the noise-free target `high` in the same units.

    settings: the camera section; photons and background replace its random draw.
    """
    image, target = camera.photograph(low, high, settings, generator, photons, background)
    return to_grid(image, ratio), target


def alone(low, high, factor, patch, generator):
    """A part of a field as if it were all that the camera saw: `patch` pixels of `high` and those of `low`, `factor` times as wide each, with the 99.9th
    percentile of low at 1. The whole field where that percentile is below LEAST_ALONE: hardly any light, or a few bright points."""
    y, x = (factor * int(torch.randint(0, n - patch // factor + 1, (), generator=generator)) for n in low.shape)
    part = low[y // factor : (y + patch) // factor, x // factor : (x + patch) // factor]
    peak = float(np.quantile(part.numpy(), 0.999))
    return (low, high) if peak < LEAST_ALONE else (part / peak, high[y : y + patch, x : x + patch] / peak)


def example(config, fields, index, generator, patch):
    """A normalised, jittered, turned crop: input and target (patch, patch)."""
    field = fields[index]
    low, high = torch.from_numpy(field["low"]), torch.from_numpy(field["high"]).float()
    factor = 1 if field["native"] else config.optics.factor
    if config.camera.alone and uniform(generator, 0, 1) < config.camera.alone:
        low, high = alone(low, high, factor, patch, generator)
    image, target = photograph(low, high, 1 / factor, config.camera, generator)
    image, offset, scale = normalise(image, config.normalisation.percentiles)
    target = (target - offset) / scale
    span = 1 + config.normalisation.jitter
    gain = log_uniform(generator, 1 / span, span)
    shift = config.normalisation.offset_jitter * uniform(generator, -1, 1)
    pair = torch.stack([image, target]) * gain + shift
    room = pair.shape[-1] - patch
    y, x = (int(torch.randint(0, room + 1, (), generator=generator)) for _ in range(2))
    pair = pair[:, y : y + patch, x : x + patch]
    turns, flip = (int(torch.randint(0, n, (), generator=generator)) for n in (4, 2))
    pair = torch.rot90(pair, turns, (1, 2))
    return pair.flip(2) if flip else pair


def emphasis(config, family):
    """How much more often such a field is drawn: by its whole name, else by the word before its family."""
    return float(config.data.emphasis.get(family, config.data.emphasis.get(family.split()[0], 1.0)))


def batch(config, fields, first, last, step, rank=0, size=1):
    """Batch number `step` from fields first…last-1: input and target (B, 1, patch, patch), of which member `rank` of `size` takes its part."""
    training = config.training
    seed = config.seed * 1_000_003 + step
    chance = torch.tensor([emphasis(config, fields.family(i)) for i in range(first, last)])
    chosen = torch.multinomial(chance, training.batch, replacement=True, generator=torch.Generator().manual_seed(seed)).tolist()
    pairs = [
        example(config, fields, first + chosen[i], torch.Generator().manual_seed(seed * training.batch + i), training.patch)
        for i in range(rank, training.batch, size)
    ]
    pairs = torch.stack(pairs)
    return pairs[:, :1], pairs[:, 1:]


def validation(config, fields):
    """The fixed validation set: one example each of the pool's first fields, always with the same noise."""
    generator = torch.Generator().manual_seed(config.seed + 77)
    pairs = [example(config, fields, i, generator, config.training.patch) for i in range(config.training.validation_fields)]
    pairs = torch.stack(pairs)
    return pairs[:, :1], pairs[:, 1:]
