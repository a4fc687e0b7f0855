"""The activity of neurons in depth from one focal plane: nuclei of a worm's head whose calcium rises and falls, filmed at one focus and refocused to
each nucleus, as in Wu et al. 2019 (frames at 3.6 Hz for 35 s; ΔF/F over the mean in time).

What is drawn here is only evaluated on: balls packed along the wall of a tube, transients that rise at once and decay exponentially.
"""

import numpy as np
import torch

from ..normalisation import normalise
from ..scene import STEP_Z
from . import observe, predict

RATE, SECONDS = 3.6, 35.0
NUCLEI, REACH = 60, 8.0  # how many, and the µm from focus within which they lie
PLANES = 2.0  # µm between the planes that are refocused to
READ = 0.7  # of a nucleus' radius: the disc whose mean is its signal
ACTIVE = 0.25  # standard deviation of ΔF/F from which a nucleus counts as active
ROOM = 20  # pixels at the border of a field that hold no nucleus


def transients(rng, count, frames):
    """(count, frames) fluorescence over its resting value: a third of the neurons silent, the others with a few transients of 0.5-3 that decay in 2-8 s."""
    time = np.arange(frames) / RATE
    traces = np.ones((count, frames))
    for trace in traces:
        if rng.random() < 1 / 3:
            continue
        for _ in range(rng.integers(1, 5)):
            since = time - rng.uniform(-4, SECONDS)
            trace += np.where(since >= 0, rng.uniform(0.5, 3) * np.exp(-np.clip(since, 0, None) / rng.uniform(2, 8)), 0)
    return traces


def head(config, rng):
    """Nuclei of a head that overlap nowhere: centres (N, 3) x, y, z in µm of the evaluated picture and radii (N,)."""
    side, room = config.evaluation.field * config.optics.pixel, ROOM * config.optics.pixel
    centres, radii = np.empty((0, 3)), np.empty(0)
    for _ in range(60 * NUCLEI):
        around, radius = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 2.0)
        out = rng.uniform(4, 14)
        place = np.array([rng.uniform(room, side - room), side / 2 + out * np.cos(around), out * np.sin(around)])
        fits = room <= place[1] <= side - room and abs(place[2]) <= REACH
        if fits and (len(radii) == 0 or (np.linalg.norm(centres - place, axis=1) > radii + radius).all()):
            centres, radii = np.vstack([centres, place]), np.append(radii, radius)
        if len(radii) == NUCLEI:
            break
    return centres, radii


def views(config, centres, radii, positions):
    """(N, P, Y, X): what the microscope shows of each nucleus alone with the focus at each of `positions`; the kind of picture this package is asked for
    in all but the first, which is widefield."""
    field, border = observe.stage(config)
    heights = np.arange(-observe.DEPTH, observe.DEPTH + STEP_Z / 2, STEP_Z)
    grid = (np.arange(field.size) + 0.5) * field.step - border * config.optics.pixel
    found = []
    for (x, y, z), radius in zip(centres, radii):
        flat = (grid[None, :] - x) ** 2 + (grid[:, None] - y) ** 2
        levels = np.flatnonzero(np.abs(heights - z) <= radius + 1)
        planes = np.stack([np.clip((radius - np.sqrt(flat + (heights[i] - z) ** 2)) / 0.4 + 0.5, 0, 1) for i in levels]).astype(np.float32)
        stacks = observe.look(config, planes, heights[levels], positions)
        found.append(torch.cat([stacks[0][:1], observe.target(config, stacks)[1:]]))
    return torch.stack(found)


def read(pictures, centres, radii, pixel):
    """(N, T): the mean of each nucleus' disc in the picture of its own plane. pictures (N, T, Y, X) or (T, Y, X), the same for all."""
    rows, columns = np.mgrid[: pictures.shape[-2], : pictures.shape[-1]]
    found = []
    for index, ((x, y, _), radius) in enumerate(zip(centres, radii)):
        disc = np.hypot((columns + 0.5) * pixel - x, (rows + 0.5) * pixel - y) <= READ * radius
        found.append((pictures[index] if pictures.ndim == 4 else pictures)[:, disc].mean(1))
    return np.stack(found)


def over_mean(signals, ground):
    """ΔF/F of (N, T) signals above `ground`: F0 is the mean in time."""
    light = signals - ground
    mean = light.mean(1, keepdims=True)
    return (light - mean) / np.where(np.abs(mean) > 1e-9, mean, np.nan)


def compare(found, true):
    """Agreement of (N, T) traces ΔF/F with the truth: median correlation, the share that correlates at 0.9 and more, and the median slope."""
    correlation = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(found, true)])
    slope = (found * true).sum(1) / (true**2).sum(1)
    return {"correlation": float(np.nanmedian(correlation)), "above_0.9": float(np.mean(correlation >= 0.9)), "slope": float(np.nanmedian(slope))}


def film(weights, images):
    """(T, Y, X) noise-free frames: nuclei (N, Y, X) weighted by (N, T)."""
    return torch.einsum("nt,nyx->tyx", torch.as_tensor(weights, dtype=torch.float32), images)


def neurons(config, network, levels=(1000, 200)):
    """One row for each photon level and way of reading active nuclei: in the film itself, refocused, and in a film that is focused on each nucleus."""
    rng = np.random.default_rng((config.seed, 12))
    centres, radii = head(config, rng)
    planes = np.arange(-REACH, REACH + PLANES / 2, PLANES)
    own = np.abs(centres[:, 2:] - planes).argmin(1)
    seen = views(config, centres, radii, [0.0, *planes])
    traces = transients(rng, len(radii), round(RATE * SECONDS))
    weights = traces * rng.uniform(0.4, 1, (len(radii), 1))
    frames, sharp = film(weights, seen[:, 0]), [film(weights, seen[:, 1 + i]) for i in range(len(planes))]
    peak = float(np.quantile(np.stack([s.mean(0).numpy() for s in sharp]).max(0), 0.999))
    true = over_mean(traces, 0.0)
    active, rows = true.std(1) >= ACTIVE, []
    for photons in levels:
        generator = torch.Generator().manual_seed(photons)
        pictures = torch.stack([observe.photograph(config, frame / peak, photons, generator) for frame in frames])
        fixed = normalise(pictures.mean(0), config.normalisation.percentiles)[1:]
        made = torch.stack([predict.refocus(network, picture, planes, config.normalisation.percentiles, fixed=fixed)[0] for picture in pictures], 1).numpy()
        wanted = torch.stack([observe.truth(config, s / peak, photons) for s in sharp]).numpy()
        ground = float(observe.truth(config, torch.zeros(()), photons))
        for name, stack in (("the film itself", pictures.numpy()), ("refocused", made[own]), ("focused on each, without noise", wanted[own])):
            found = over_mean(read(stack, centres, radii, config.optics.pixel), ground)[active]
            rows.append({"photons": photons, "read_in": name, "active_nuclei": int(active.sum()), **compare(found, true[active])})
    return rows
