"""Photographs of simulated cells: camera, normalisation, zoom and crop, drawn anew for every batch from (seed, number)."""

import math

import torch
from torch.nn import functional as F

from .. import camera
from ..normalisation import EPSILON


WANDER = 0.5  # part of the field beside a crop that its middle may use: small organelles stay in view


def spread(generator, count, low, high, logarithmic=False, power=1.0):
    """`count` random numbers (count, 1, 1) between low and high, uniform or log-uniform; a power above 1 draws low ones more often."""
    part = torch.rand(count, 1, 1, generator=generator) ** power
    if logarithmic:
        return torch.exp(math.log(low) + part * (math.log(high) - math.log(low)))
    return low + part * (high - low)


def chance(generator, count, probability):
    return torch.rand(count, 1, 1, generator=generator) < probability


def normalise(images, percentiles):
    """BioImage.IO scale_range of each image of (B, Y, X): y = (x - low) / (high - low + ε)."""
    low, high = torch.quantile(images.flatten(1), torch.tensor([p / 100 for p in percentiles], device=images.device), dim=1)[:, :, None, None]
    return (images - low) / (high - low + EPSILON)


def crop(images, side, zoom, generator):
    """A square of `side` pixels somewhere in each of (B, Y, X), turned by quarters, mirrored, and `zoom`ed (two factors, log-uniform; None: not at all)."""
    count, size = len(images), images.shape[-1]
    scale = torch.ones(count, 1, 1) if zoom is None else 1 / spread(generator, count, *zoom, logarithmic=True)
    scale = torch.clamp(scale, max=size / side)
    room = WANDER * (size - scale * side) / 2  # pixels that the middle may move either way
    x, y = ((spread(generator, count, -1, 1) * room * 2 / size).flatten() for _ in "xy")
    turn = torch.randint(0, 4, (count,), generator=generator) * (math.pi / 2)
    mirror = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1
    cos, sin = torch.cos(turn).round(), torch.sin(turn).round()
    part = (scale * side / size).flatten()
    affine = torch.stack([part * cos * mirror, -part * sin, x, part * sin * mirror, part * cos, y], 1).reshape(-1, 2, 3)
    grid = F.affine_grid(affine, (count, 1, side, side), align_corners=False)
    return F.grid_sample(images[:, None], grid, mode="bilinear", padding_mode="border", align_corners=False)[:, 0]


def photograph(images, settings, generator, photons=None, background=None):
    """Camera images (B, Y, X) in grey values of expectations (B, Y, X); photons and background replace the random draw."""
    count = len(images)
    photons = spread(generator, count, *settings.photons, logarithmic=True, power=settings.dim) if photons is None else photons
    background = spread(generator, count, *settings.background, logarithmic=True) if background is None else background
    offset, gain, noise = (spread(generator, count, *v) for v in (settings.offset, settings.gain, settings.read_noise))
    shining = [camera.bleaching(generator)(images.shape[1:]) if had else torch.ones(()) for had in chance(generator, count, settings.bleached).flatten().tolist()]
    images = images * torch.stack([share.expand(images.shape[1:]) for share in shining]).to(images.device)
    twelve = chance(generator, count, settings.twelve_bit)
    gain = torch.where(twelve, torch.maximum(gain, camera.least_gain(photons * (images.amax((1, 2), keepdim=True) + background), offset, 12)), gain)
    shot = camera.read_out(photons * (images + background), offset, gain, noise, generator)
    hot = camera.hot_pixels(shot, 1e-4, 3 * photons / gain, generator)
    shot = torch.where(chance(generator, count, settings.hot_pixels), hot, shot)
    shot = torch.where(twelve, shot.clamp(max=2**12 - 1), shot)
    top = torch.quantile(shot.flatten(1), 0.9995, dim=1)[:, None, None]
    low = shot.amin((1, 2), keepdim=True)
    ceiling = low + (top - low) * spread(generator, count, 0.35, 1)
    shot = torch.where(chance(generator, count, settings.saturated), torch.minimum(shot, ceiling), shot)
    return torch.where(chance(generator, count, settings.eight_bit), camera.requantise(shot), shot)


def prepare(config, images, generator, photons=None, background=None):
    """What the network reads (B, 1, Y, X) of expectations (B, Y, X)."""
    return normalise(photograph(images, config.camera, generator, photons, background), config.normalisation.percentiles)[:, None]


def stack(fields, indices):
    images = torch.stack([torch.from_numpy(fields[i]["image"]).float() for i in indices])
    return images, torch.tensor([int(fields[i]["label"]) for i in indices])


def batch(config, fields, first, last, number, rank=0, size=1):
    """Batch `number` from fields first…last-1: images (B, 1, patch, patch) and labels (B), of which member `rank` of `size` takes its part."""
    training, norm = config.training, config.normalisation
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + number)
    chosen = (first + torch.randint(0, last - first, (training.batch,), generator=generator)).tolist()[rank::size]
    images, labels = stack(fields, chosen)
    generator.manual_seed((config.seed * 1_000_003 + number) * 64 + rank)
    x = prepare(config, crop(images, training.patch, training.zoom, generator), generator)[:, 0]
    span = 1 + norm.jitter
    x = x * spread(generator, len(x), 1 / span, span, logarithmic=True) + spread(generator, len(x), -norm.offset_jitter, norm.offset_jitter)
    return x[:, None], labels


def views(config, images, seed, photons=None, background=None):
    """Expectations (N, Y, X) as the training sees them, always with the same crops and noise: (N, 1, patch, patch)."""
    generator = torch.Generator().manual_seed(seed)
    return prepare(config, crop(images, config.training.patch, config.training.zoom, generator), generator, photons, background)


def validation(config, fields):
    """The fixed validation set: one view each of the pool's first fields."""
    images, labels = stack(fields, range(config.training.validation_fields))
    return views(config, images, config.seed + 77), labels


def resampled(images, pixel, grid):
    """Camera images (N, Y, X) of `pixel` µm brought to `grid` µm pixels: means over areas, weighted by a triangle, where the grid is coarser, linear between pixels where it is finer."""
    if pixel == grid:
        return images
    sides = [round(n * pixel / grid) for n in images.shape[-2:]]
    return F.interpolate(images[:, None], size=sides, mode="bilinear", antialias=True, align_corners=False)[:, 0]


def on_grid(images, pixel, grid):
    """The same, the middle of them with sides that are multiples of 16."""
    images = resampled(images, pixel, grid)
    height, width = (n // 16 * 16 for n in images.shape[-2:])
    top, left = (images.shape[-2] - height) // 2, (images.shape[-1] - width) // 2
    return images[:, top : top + height, left : left + width]
