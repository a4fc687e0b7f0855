"""One entry of the pool: a specimen in three dimensions as a stack of noise-free images, widefield and confocal.

`widefield`, `confocal`: (P, field, field), float16, the brightest structure at its sharpest being 1 in the widefield stack;
`positions`: (P,) µm of the focus, the first `inputs` of them near the middle. Photons are fixed at the emitter: one scale serves the
whole stack, and defocus dilutes. Any input and any target within reach of it make an example, so one entry holds dozens.
"""

import functools

import numpy as np
import torch

from ..scene import STEP_Z, Scene, noise_field
from ..specimens import FAMILIES as COMMON, log_uniform
from ..tissue import FAMILIES as DEEP
from .scan import field_for, scan

FAMILIES = {**COMMON, **DEEP}
PEAK = 0.9995  # quantile of the stack that counts as the brightest structure
SPHERICAL_STEP = 0.01  # waves: so that tables of transfer functions can be kept


def compose(rng, scene, families):
    """Draw one or two families into `scene`, perhaps moved along z. Returns the main family's name."""
    names = list(families)
    chance = np.array([families[n] for n in names], float)
    drawn = rng.choice(names, rng.choice([1, 2], p=[0.75, 0.25]), replace=False, p=chance / chance.sum())
    total = np.zeros_like(scene.planes)
    for order, name in enumerate(drawn):
        scene.planes[:] = 0
        FAMILIES[name](rng, scene)
        scene.normalise()
        total += move(scene.planes, rng.integers(-16, 17) if rng.random() < 0.4 else 0) * (1.0 if order == 0 else log_uniform(rng, 0.03, 1.0))
    scene.planes = total
    if rng.random() < 0.3:  # uneven illumination
        light = 1 + rng.uniform(0.05, 0.3) * noise_field(rng, scene.size, scene.step, 4, 10, 200)
        scene.planes *= np.clip(light, 0.1, None).astype(np.float32)
    return str(drawn[0])


def move(planes, levels):
    """`planes` moved along z by so many levels, what leaves the volume being lost."""
    moved = np.zeros_like(planes)
    count = len(planes)
    levels = int(np.clip(levels, -count, count))
    moved[max(0, levels) : count + min(0, levels)] = planes[max(0, -levels) : count - max(0, levels)]
    return moved


def choose_positions(rng, data):
    """Focus positions on the planes' grid: `inputs` of them spread over ±inner, `targets` over the rest of ±(inner + reach)."""
    inner, outer = data.inner, data.inner + data.reach

    def spread(low, high, count):
        edges = np.linspace(low, high, count + 1)
        return rng.uniform(edges[:-1], edges[1:])

    half = data.targets // 2
    chosen = [spread(-inner, inner, data.inputs), spread(-outer, -inner, half), spread(inner, outer, data.targets - half)]
    return np.round(np.concatenate(chosen) / STEP_Z) * STEP_Z


@functools.lru_cache(maxsize=4)
def stage(pixels, objective, reach, device):
    """The field of one configuration, kept: its tables of frequencies are used by every entry."""
    return field_for(pixels, objective, reach, device=device)


def make(config, index):
    """Entry number `index` of this configuration's seed."""
    rng = np.random.default_rng((config.seed, 5, index))
    optics, data = config.optics, config.data
    device = "cuda" if torch.cuda.is_available() else "cpu"
    reach = data.depth + data.inner + data.reach
    field, border = stage(data.field, optics.objective, reach, device)
    wavelength = float(rng.choice(optics.wavelengths))
    low, high = (round(v / SPHERICAL_STEP) for v in optics.spherical)
    spherical = float(rng.integers(low, high + 1) * SPHERICAL_STEP)
    positions = choose_positions(rng, data)
    scene = Scene(field.size, field.step, data.depth)
    for _ in range(5):
        family = compose(rng, scene, data.families)
        if scene.planes[:, field.size // 4 : -field.size // 4, field.size // 4 : -field.size // 4].any():
            break
    stacks = scan(field, torch.from_numpy(scene.planes), scene.heights, positions, optics, wavelength, spherical)
    widefield, confocal = (s[:, border:-border, border:-border].clamp(min=0).cpu().numpy() for s in stacks)
    peak = max(float(np.quantile(widefield.max(0), PEAK)), 1e-9)
    return {
        "widefield": (widefield / peak).astype(np.float16), "confocal": (confocal / peak).astype(np.float16),
        "positions": positions.astype(np.float32), "inputs": data.inputs, "family": family, "wavelength": wavelength, "spherical": spherical,
    }  # fmt: skip


def maker(config):
    """`make(index)` for this configuration."""
    return functools.partial(make, config)
