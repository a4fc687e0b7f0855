"""One field of the pool: a few cells with one protein, as a microscope would show them without noise."""

import numpy as np
import torch

from ..optics import Field, Objective
from ..scene import Scene
from ..specimens import FAMILIES, log_uniform
from . import organelles
from .cell import crowd

OVERSAMPLING = 2  # fine samples along one pixel
MARGIN = 32  # fine samples around the field: 2.6-5.8 µm
SECTION = (0.4, 0.9)  # µm: deviation of what a confocal pinhole lets through along z
TEXTURES = ("fractal", "dead_leaves", "smooth")  # not cells at all
FIRST_FRESH = 20_000_000  # indices that no training uses
UNKNOWN = -1  # label of what is none of the nine


def draw(rng, scene, family, haze):
    """Draw cells with `family` (a class, an oddity or a texture) into the scene; with the chance `haze` some label lies all over them."""
    if family in TEXTURES:
        FAMILIES[family](rng, scene)
        return
    place = {**organelles.CLASSES, **organelles.ODD, **organelles.ODD_VALIDATION}[family]
    extra = log_uniform(rng, 0.02, 0.8) if rng.random() < haze else 0
    total = np.zeros_like(scene.planes)
    for cell in crowd(rng, scene):
        scene.planes[:] = 0
        place(rng, cell)
        brightness = rng.lognormal(0, 0.3)
        if extra:
            organelles.haze(rng, cell, extra * float(scene.planes.sum()))
        total += brightness * scene.planes
    scene.planes = total


def see(rng, scene, optics, focus):
    """What a randomly chosen objective and wavelength make of a scene: pixels without noise and without margin, and the two."""
    lens = Objective(float(rng.choice(optics.na)), OVERSAMPLING * scene.step, optics.index)
    wavelength, spherical = float(rng.choice(optics.wavelengths)), float(rng.choice(optics.spherical))
    if rng.random() < optics.sectioned:
        scene.planes *= np.exp(-(((scene.heights - focus) / rng.uniform(*SECTION)) ** 2) / 2).astype(np.float32)[:, None, None]
    used = np.flatnonzero(scene.planes.max((1, 2)) > 0)
    if not len(used):
        return None, lens, wavelength
    planes = torch.from_numpy(scene.planes[used])
    seen = Field(scene.size, scene.step).see(planes, scene.heights[used], lens, wavelength, focus, spherical)
    edge = MARGIN // OVERSAMPLING
    return seen[edge:-edge, edge:-edge].clamp(min=0), lens, wavelength


def picture(config, index, family=None):
    """Field number `index` of this configuration's seed: a dictionary of arrays. family: this one instead of a drawn one.

    `image`: the expectation (field, field), its 99.9th percentile 1; `label`: 0-8, or -1 for what is none of the nine.
    """
    rng = np.random.default_rng((config.seed, 3, index))
    data, optics = config.data, config.optics
    odd = rng.random() < data.odd
    drawn = str(rng.choice((*organelles.ODD, *TEXTURES) if odd else organelles.NAMES))
    family = family or drawn
    step = log_uniform(rng, *optics.pixel) / OVERSAMPLING
    seen, peak = None, 0.0
    while peak <= 0:  # cells may lie outside of the field
        scene = Scene(data.field * OVERSAMPLING + 2 * MARGIN, step, log_uniform(rng, *data.depth))
        draw(rng, scene, family, data.haze)
        focus = round(float(rng.uniform(-1, 1) * optics.focus * scene.depth) * 4) / 4  # quarters of a micrometre, so that transfer functions are found again
        seen, lens, wavelength = see(rng, scene, optics, focus)
        peak = 0.0 if seen is None else float(np.quantile(seen.numpy(), 0.999))
    label = organelles.NAMES.index(family) if family in organelles.NAMES else UNKNOWN
    image = (seen / peak).clamp(max=100).numpy().astype(np.float16)
    return {"image": image, "label": label, "family": family, "pixel": 2 * step, "na": lens.na, "wavelength": wavelength, "focus": focus}


def maker(config):
    return lambda index: picture(config, index)
