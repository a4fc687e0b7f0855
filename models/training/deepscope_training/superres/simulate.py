"""Noise-free pairs of input and target: specimens drawn at random, seen by both microscopes.

`low` is the input's expectation (its 99.9th percentile is 1, background not included), `high` the target in the same units.
"""

import numpy as np
import torch

from .. import real
from ..optics import Field, Objective
from ..modalities import Blurred, evanescent
from ..scene import Scene, noise_field
from ..specimens import FAMILIES, log_uniform

OVERSAMPLING = 2  # fine samples along one target pixel
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


def slip(config, index):
    """How far the input is focused from where the target is, µm: two objectives are focused one after the other, and the coarser of them tells less well where."""
    share, most = config.data.slip
    rng = np.random.default_rng((config.seed, 8, index))
    return float(rng.uniform(-most, most)) if rng.random() < share else 0.0


def blur(config, index):
    """By what Gaussian the input's light is spread further than theory says: its standard deviation, µm."""
    return float(np.random.default_rng((config.seed, 9, index)).uniform(*config.data.blur))


def make(config, index, images, field=None):
    """Field number `index` of this configuration's seed: a dictionary of arrays."""
    rng = np.random.default_rng((config.seed, 1, index))
    optics, data = config.optics, config.data
    step = optics.target.pixel / OVERSAMPLING
    size = data.field * OVERSAMPLING + 2 * MARGIN
    field = field or Field(size, step)
    thin = bool(rng.random() < data.thin)
    enlarged = log_uniform(rng, *data.magnify) if data.magnify[1] > data.magnify[0] else data.magnify[0]
    depth = 0.0 if thin else log_uniform(rng, *data.depth)
    scene = Scene(size, step * enlarged, depth * enlarged)  # families know cells; a field of a few µm is drawn as a larger one
    wavelength = float(rng.choice(optics.wavelengths))
    spherical = float(rng.uniform(*optics.spherical))
    off = thin and data.off_focus[0] > 0 and rng.random() < data.off_focus[0]
    reach = data.off_focus[1] if off else data.thin_focus if thin else optics.focus * depth
    focus = float(rng.uniform(-1, 1) * reach)
    apart = slip(config, index) if not off else 0.0
    native = bool(rng.random() < data.native)
    empty = bool(rng.random() < data.empty)
    family = "empty" if empty else compose(rng, scene, data.families, images)
    heights = scene.heights / enlarged
    if data.penetration:  # the layer that is lit is what one focuses on
        focus = float(heights[0] + rng.uniform(-1, 1) * data.thin_focus)
        scene.planes *= evanescent(heights, heights[0], log_uniform(rng, *data.penetration))[:, None, None].astype(np.float32)
    lens, target = optics.objective("input"), optics.objective("target")
    if native:
        lens = Objective(float(rng.uniform(*optics.native_na)), target.pixel, optics.index)
    if data.blur[1] > 0:
        lens = Blurred(lens, blur(config, index))
    used = np.flatnonzero(scene.planes.max((1, 2)) > 0)
    spectra = torch.fft.rfft2(torch.from_numpy(scene.planes[used])) if len(used) else torch.zeros(1, size, size // 2 + 1, dtype=torch.complex64)
    heights = heights[used] if len(used) else [0.0]
    low, high = (
        crop(field.see_spectra(spectra, heights, seen_by, wavelength, focused, spherical), seen_by.pixel, step)
        for seen_by, focused in ((lens, focus + apart), (target, focus))
    )
    if not empty and rng.random() < 0.5:  # light from far out of focus: alike for both objectives
        haze = np.maximum(noise_field(rng, size, scene.step, 3, log_uniform(rng, 8, 30), 100) + rng.uniform(0, 2), 0) * log_uniform(rng, 0.02, 0.7)
        haze = torch.from_numpy(haze.astype(np.float32)) * float(low.max())
        low, high = (v + crop(pool_down(haze, p, step), p, step) for v, p in ((low, lens.pixel), (high, target.pixel)))
    peak = float(np.quantile(low.numpy(), 0.999))
    if peak <= 1e-3 * float(low.max()):
        peak = float(low.max())
    scale = 1 / peak if peak > 0 else 0.0
    return {
        "low": (low * scale).numpy().astype(np.float32),
        "high": (high * scale).numpy().astype(np.float16),
        "family": f"{'off-focus' if off else 'thin'} {family}" if thin else family, "native": native, "wavelength": wavelength, "spherical": spherical, "na": lens.na,
    }  # fmt: skip


def pool_down(picture, pixel, step):
    factor = round(pixel / step)
    return torch.nn.functional.avg_pool2d(picture[None, None], factor)[0, 0]


def crop(image, pixel, step):
    edge = round(MARGIN * step / pixel)
    return image[edge:-edge, edge:-edge].clone()


def maker(config):
    """The function index → field of a configuration; it keeps the Fourier tables and the real images."""
    images = real.load(real.TRAINING)
    field = Field(config.data.field * OVERSAMPLING + 2 * MARGIN, config.optics.target.pixel / OVERSAMPLING)
    return lambda index: make(config, index, images, field)
