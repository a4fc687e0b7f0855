"""Examples: a photograph at one focus of a pool entry, a uniform map of distances, and the same specimen seen at that distance."""

import numpy as np
import torch

from .. import intervals
from ..camera import photograph
from ..normalisation import log_uniform, normalise, uniform

UNIT = 10.0  # µm for 1 in the map of distances


def choose(positions, inputs, reach, generator):
    """Input and target of one example: a random input, and the position nearest to a distance drawn evenly from ±reach."""
    source = int(torch.randint(0, inputs, (), generator=generator))
    wanted = uniform(generator, -reach, reach)
    distances = positions - positions[source]
    allowed = np.abs(distances) <= reach + 1e-6
    return source, int(np.argmin(np.where(allowed, np.abs(distances - wanted), np.inf)))


def example(config, entry, generator, patch):
    """A normalised, jittered, turned crop: raw and target (1, patch, patch), and their distance, dpm, and above which a pixel of the target is signal, by the
    whole picture (both (1, 1, 1))."""
    data, positions = config.data, entry["positions"]
    source, wanted = choose(positions, int(entry["inputs"]), data.reach, generator)
    seen, true = (torch.from_numpy(entry[name][i].astype(np.float32)) for name, i in (("widefield", source), (data.target, wanted)))
    dimmest, brightest = config.camera.photons
    if uniform(generator, 0, 1) < config.training.bright:
        dimmest = max(dimmest, brightest / 10)
    image, target = photograph(seen, true, config.camera, generator, photons=log_uniform(generator, dimmest, brightest, config.camera.dim))
    image, offset, scale = normalise(image, config.normalisation.percentiles)
    span = 1 + config.normalisation.jitter
    gain = log_uniform(generator, 1 / span, span)
    shift = config.normalisation.offset_jitter * uniform(generator, -1, 1)
    pair = torch.stack([image, (target - offset) / scale]) * gain + shift
    signal = torch.full((1, 1, 1), float(intervals.level(pair[1].numpy())))
    room = pair.shape[-1] - patch
    y, x = (int(torch.randint(0, room + 1, (), generator=generator)) for _ in range(2))
    pair = pair[:, y : y + patch, x : x + patch]
    turns, flip = (int(torch.randint(0, n, (), generator=generator)) for n in (4, 2))  # the pupil is round: all of them keep the sign of defocus
    pair = torch.rot90(pair, turns, (1, 2))
    pair = pair.flip(2) if flip else pair
    dpm = torch.full((1, 1, 1), float(positions[wanted] - positions[source]) / UNIT)
    return pair[:1], dpm, pair[1:], signal


def parts(examples):
    return tuple(torch.stack(part) for part in zip(*examples))


def batch(config, fields, first, last, number, rank=0, size=1):
    """Batch `number` from entries first…last-1: raw and target (B, 1, patch, patch), dpm and signal (B, 1, 1, 1), of which member `rank` of `size` takes its part."""
    training = config.training
    seed = config.seed * 1_000_003 + number
    chosen = torch.randint(first, last, (training.batch,), generator=torch.Generator().manual_seed(seed)).tolist()
    return parts([example(config, fields[chosen[i]], torch.Generator().manual_seed(seed * training.batch + i), training.patch) for i in range(rank, training.batch, size)])


def validation(config, fields):
    """The fixed validation set: two examples of each of the pool's first entries, always with the same noise."""
    generator = torch.Generator().manual_seed(config.seed + 77)
    count = config.training.validation_fields
    return parts([example(config, fields[i % count], generator, config.training.patch) for i in range(2 * count)])
