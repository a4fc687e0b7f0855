"""Evaluation fields: noise-free pairs of specimens that training has not seen, and their photographs."""

import dataclasses

import numpy as np
import torch

from .. import camera, heldout, real
from ..optics import Field
from . import simulate
from .simulate import MARGIN, OVERSAMPLING, crop

WAVELENGTH = 0.525
FIRST_FRESH = 20_000_000  # pool indices that no training uses


def pair(config, planes, heights, wavelength=WAVELENGTH, spherical=None, focus=0.0):
    """What both objectives see of `planes` (Z, S, S) on the fine grid: low, high, with the 99.9th percentile of low at 1."""
    step = config.optics.target.pixel / OVERSAMPLING
    field = Field(planes.shape[-1], step)
    spectra = torch.fft.rfft2(torch.as_tensor(planes))
    spherical = config.evaluation.spherical if spherical is None else spherical
    low, high = (
        crop(field.see_spectra(spectra, heights, config.optics.objective(which), wavelength, focus, spherical), getattr(config.optics, which).pixel, step)
        for which in ("input", "target")
    )
    peak = float(np.quantile(low.numpy(), 0.999))
    peak = peak if peak > 1e-3 * float(low.max()) else float(low.max())
    return low / peak, high / peak


def held_out(config, family, count):
    """`count` pairs of one held-out family, or None where its data are absent."""
    size = config.evaluation.field * OVERSAMPLING + 2 * MARGIN
    step = config.optics.target.pixel / OVERSAMPLING
    heights = np.linspace(-config.evaluation.depth, config.evaluation.depth, 5)
    pairs = []
    for index in range(count):
        rng = np.random.default_rng((config.seed, 2, *family.encode(), index))
        planes = heldout.FAMILIES[family](rng, size, step, heights)
        if planes is None:
            return None
        pairs.append(pair(config, planes.astype(np.float32), heights))
    return pairs


def seen(config, count):
    """`count` fresh pairs made like the training's, at 10x pixels, cropped to the evaluation's size."""
    settings = dataclasses.replace(config, data=dataclasses.replace(config.data, native=0.0, empty=0.0, field=config.evaluation.field))
    images, pairs = real.load(real.TRAINING), []
    for index in range(count):
        made = simulate.make(settings, FIRST_FRESH + index, images)
        pairs.append((torch.from_numpy(made["low"]), torch.from_numpy(made["high"]).float(), made["wavelength"], made["spherical"]))
    return pairs


def endothelial(config, pixel):
    """Pairs of the real endothelial cell (`superres/bpae`: actin, mitochondria, nuclei) as a flat specimen in focus, its pixels
    taken as `pixel` µm: {channel: pairs}. Empty without the data."""
    from scipy import ndimage

    size = config.data.field * OVERSAMPLING + 2 * MARGIN
    step = config.optics.target.pixel / OVERSAMPLING
    found = {}
    for name, image in real.load(["superres/bpae"]).items():
        if pixel != step:
            image = np.clip(ndimage.zoom(image, pixel / step, order=3), 0, None)
        image = np.pad(image, [(0, max(0, size - n)) for n in image.shape], mode="reflect")
        starts = sorted({0, image.shape[1] - size})
        pairs = [pair(config, image[None, :size, x : x + size].astype(np.float32), [0.0]) for x in starts]
        found[name.split("/")[-1].removesuffix(".tif")] = pairs
    return found


CAMERA = {"offset": 100.0, "gain": 0.46, "read_noise": 1.6}  # the demo microscope's


def photograph(config, low, high, photons, generator, background=None):
    """Input (ADU, on its own pixels) and noise-free target (ADU), taken with the demo microscope's camera."""
    background = config.evaluation.background if background is None else background
    image = camera.read_out(photons * (low + background), CAMERA["offset"], CAMERA["gain"], CAMERA["read_noise"], generator)
    return image, CAMERA["offset"] + photons * (high + background) / CAMERA["gain"]
