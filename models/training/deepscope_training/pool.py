"""The pool: noise-free pairs of input and target, simulated once, kept on disk, and photographed anew in every batch.

A field is one .npz: `low`, the input's expectation (its 99.9th percentile is 1, background not included), and `high`, the
target in the same units. Field i of a seed is always the same, so a pool can be made by several processes and resumed.
"""

import os
from pathlib import Path

import numpy as np
import torch

from . import real
from .errors import TrainingError, writing
from .optics import Field, Objective
from .scene import Scene, noise_field
from .specimens import FAMILIES, log_uniform

OVERSAMPLING = 2  # fine samples along one target pixel
THIN_FOCUS = 0.25  # µm: how far off focus a thin specimen, one plane, may lie
MARGIN = 64  # fine samples around the field: 10.4 µm at 0.1625 µm


def compose(rng, scene, families, images):
    """Draw one to three families into `scene`, with uneven light and haze. Returns the main family's name."""
    names = [n for n in families if n != "real" or images]
    chance = np.array([families[n] for n in names], float)
    drawn = rng.choice(names, rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]), replace=False, p=chance / chance.sum())
    total = np.zeros_like(scene.planes)
    for order, name in enumerate(drawn):
        scene.planes[:] = 0
        if name == "real":
            real.lay(rng, scene, images[list(images)[rng.integers(len(images))]])
        else:
            FAMILIES[name](rng, scene)
        total += scene.normalise().planes * (1.0 if order == 0 else log_uniform(rng, 0.03, 1.0))
    scene.planes = total
    if rng.random() < 0.3:  # uneven illumination
        light = 1 + rng.uniform(0.05, 0.3) * noise_field(rng, scene.size, scene.step, 4, 10, 200)
        scene.planes *= np.clip(light, 0.1, None)
    return str(drawn[0])


def make(config, index, images, field=None):
    """Field number `index` of this configuration's seed: a dictionary of arrays."""
    rng = np.random.default_rng((config.seed, 1, index))
    optics, data = config.optics, config.data
    step = optics.target.pixel / OVERSAMPLING
    size = data.field * OVERSAMPLING + 2 * MARGIN
    field = field or Field(size, step)
    thin = bool(rng.random() < data.thin)
    scene = Scene(size, step, 0.0 if thin else log_uniform(rng, *data.depth))
    wavelength = float(rng.choice(optics.wavelengths))
    spherical = float(rng.uniform(*optics.spherical))
    focus = float(rng.uniform(-1, 1) * (THIN_FOCUS if thin else optics.focus * scene.depth))
    native = bool(rng.random() < data.native)
    empty = bool(rng.random() < data.empty)
    family = "empty" if empty else compose(rng, scene, data.families, images)
    lens, target = optics.objective("input"), optics.objective("target")
    if native:
        lens = Objective(float(rng.uniform(*optics.native_na)), target.pixel, optics.index)
    used = np.flatnonzero(scene.planes.max((1, 2)) > 0)
    spectra = torch.fft.rfft2(torch.from_numpy(scene.planes[used])) if len(used) else torch.zeros(1, size, size // 2 + 1, dtype=torch.complex64)
    heights = scene.heights[used] if len(used) else [0.0]
    low, high = (
        crop(field.see_spectra(spectra, heights, seen_by, wavelength, focus, spherical), seen_by.pixel, step)
        for seen_by in (lens, target)
    )
    if not empty and rng.random() < 0.5:  # light from far out of focus: alike for both objectives
        haze = np.maximum(noise_field(rng, size, step, 3, log_uniform(rng, 8, 30), 100) + rng.uniform(0, 2), 0) * log_uniform(rng, 0.02, 0.7)
        haze = torch.from_numpy(haze.astype(np.float32)) * float(low.max())
        low, high = (v + crop(pool_down(haze, p, step), p, step) for v, p in ((low, lens.pixel), (high, target.pixel)))
    peak = float(np.quantile(low.numpy(), 0.999))
    if peak <= 1e-3 * float(low.max()):
        peak = float(low.max())
    scale = 1 / peak if peak > 0 else 0.0
    return {
        "low": (low * scale).numpy().astype(np.float32),
        "high": (high * scale).numpy().astype(np.float16),
        "family": f"thin {family}" if thin else family, "native": native, "wavelength": wavelength, "spherical": spherical, "na": lens.na,
    }  # fmt: skip


def pool_down(picture, pixel, step):
    factor = round(pixel / step)
    return torch.nn.functional.avg_pool2d(picture[None, None], factor)[0, 0]


def crop(image, pixel, step):
    edge = round(MARGIN * step / pixel)
    return image[edge:-edge, edge:-edge].clone()


def path_of(folder, index):
    return Path(folder) / f"{index:06d}.npz"


def fill(config, folder, start=0, every=1, count=None, report=print):
    """Make the fields that are still missing among start, start+every, … below `count`. Interrupt and repeat at will."""
    folder = Path(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    images = real.load(real.TRAINING)
    if not images:
        report("No real images found (DEEPSCOPE_REAL_DATA); the pool is made of simulated structure only.")
    field = None
    for index in range(start, count or config.data.fields, every):
        path = path_of(folder, index)
        if path.exists():
            continue
        field = field or Field(config.data.field * OVERSAMPLING + 2 * MARGIN, config.optics.target.pixel / OVERSAMPLING)
        made = make(config, index, images, field)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            with writing(path), open(part, "wb") as stream:
                np.savez(stream, **made)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)


def available(folder, limit):
    """How many fields 0, 1, 2, … are there without a gap."""
    count = 0
    while count < limit and path_of(folder, count).exists():
        count += 1
    return count


class Pool:
    """Fields of a folder, read when first wanted and kept in memory."""

    def __init__(self, folder):
        self.folder, self.kept, self.families = Path(folder), {}, {}

    def family(self, index):
        """The main family of a field."""
        if index not in self.families:
            with np.load(path_of(self.folder, index)) as file:
                self.families[index] = str(file["family"])
        return self.families[index]

    def __getitem__(self, index):
        if index not in self.kept:
            path = path_of(self.folder, index)
            try:
                with np.load(path) as file:
                    self.kept[index] = (torch.from_numpy(file["low"]), torch.from_numpy(file["high"]), bool(file["native"]))
            except (OSError, ValueError, KeyError, EOFError) as error:
                raise TrainingError(f"Field {path.name} of the pool cannot be read; delete it and it will be made again.") from error
        return self.kept[index]
