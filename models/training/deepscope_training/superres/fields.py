"""Evaluation fields: noise-free pairs of specimens that training has not seen, and their photographs."""

import dataclasses

import numpy as np
import torch

from .. import camera, heldout, real
from ..modalities import evanescent
from ..optics import Field
from ..resample import to_grid
from . import simulate
from .simulate import MARGIN, OVERSAMPLING, crop

FIRST_FRESH = 20_000_000  # pool indices that no training uses


def pair(config, planes, heights, focus=0.0):
    """What both microscopes see of `planes` (Z, S, S) on the fine grid, at the evaluation's wavelength and aberration: low, high, with the 99.9th
    percentile of low at 1. Total reflection lights the planes by their height above the first, which is then in focus."""
    focus = float(heights[0]) if config.data.penetration else focus
    step = config.optics.target.pixel / OVERSAMPLING
    field = Field(planes.shape[-1], step)
    spectra = torch.fft.rfft2(lit(config, planes, heights))
    evaluation = config.evaluation
    low, high = (
        crop(field.see_spectra(spectra, heights, config.optics.objective(which), evaluation.wavelength, focus, evaluation.spherical), getattr(config.optics, which).pixel, step)
        for which in ("input", "target")
    )
    peak = float(np.quantile(low.numpy(), 0.999))
    peak = peak if peak > 1e-3 * float(low.max()) else float(low.max())
    return low / peak, high / peak


def specimens(config, family, count, part=0):
    """`count` specimens of one held-out family: planes (Z, S, S) on the fine grid and their heights, µm. None where its data are absent."""
    evaluation = config.evaluation
    size = evaluation.field * OVERSAMPLING + 2 * MARGIN
    step = config.optics.target.pixel / OVERSAMPLING * evaluation.magnify
    heights = np.linspace(-evaluation.depth, evaluation.depth, 5)
    for index in range(count):
        rng = np.random.default_rng((config.seed, 2 + 8 * part, *family.encode(), index))
        planes = heldout.FAMILIES[family](rng, size, step, heights * evaluation.magnify)
        yield None if planes is None else (planes.astype(np.float32), heights)


def held_out(config, family, count, part=0):
    """`count` pairs of one held-out family, or None where its data are absent. part: 0 to measure on, 1 to choose the baselines' settings on."""
    made = list(specimens(config, family, count, part))
    return None if None in made else [pair(config, *specimen) for specimen in made]


def lit(config, planes, heights):
    """Planes as total reflection lights them in the evaluation, by their height above the first; unchanged for other modalities."""
    if not config.data.penetration:
        return torch.as_tensor(planes)
    light = evanescent(heights, heights[0], float(np.sqrt(np.prod(config.data.penetration))))
    return torch.as_tensor(planes) * torch.from_numpy(light).float()[:, None, None]


def seen(config, count, first=FIRST_FRESH, **data):
    """`count` fresh pairs made like the training's, on the camera's own grid, at the evaluation's wavelength, aberration and size, input and target in focus unless `data`
    says otherwise: what else of the configuration's section replaces its own. first: number of the first in the seed's sequence."""
    evaluation = config.evaluation
    focused = {"native": 0.0, "empty": 0.0, "off_focus": [0.0, 0.0], "slip": [0.0, 0.0], "blur": [0.0, 0.0], "field": evaluation.field}
    settings = dataclasses.replace(
        config,
        optics=dataclasses.replace(config.optics, wavelengths=[evaluation.wavelength], spherical=[evaluation.spherical] * 2),
        data=dataclasses.replace(config.data, **{**focused, **data}),
    )
    images, pairs = real.load(real.TRAINING), []
    for index in range(count):
        made = simulate.make(settings, first + index, images)
        pairs.append((torch.from_numpy(made["low"]), torch.from_numpy(made["high"]).float()))
    return pairs


def endothelial(config):
    """Pairs of the real endothelial cell (`superres/bpae`: actin, mitochondria, nuclei) as a flat specimen in focus, each of its
    pixels a sample of the fine grid: {channel: pairs}. Empty without the data."""
    size = config.data.field * OVERSAMPLING + 2 * MARGIN
    found = {}
    for name, image in real.load(["superres/bpae"]).items():
        image = np.pad(image, [(0, max(0, size - n)) for n in image.shape], mode="reflect")
        starts = sorted({0, image.shape[1] - size})
        pairs = [pair(config, image[None, :size, x : x + size].astype(np.float32), [0.0]) for x in starts]
        found[name.split("/")[-1].removesuffix(".tif")] = pairs
    return found


def raise_all(config, images):
    """Photographs (B, Y, X) on the target's grid, as the network is given them."""
    return to_grid(images, 1 / config.optics.factor)


CAMERA = {"offset": 100.0, "gain": 0.46, "read_noise": 1.6}  # the demo microscope's


def photograph(config, low, high, photons, generator, background=None):
    """Input (ADU, on its own pixels) and noise-free target (ADU), taken with the demo microscope's camera."""
    background = config.evaluation.background if background is None else background
    image = camera.read_out(photons * (low + background), CAMERA["offset"], CAMERA["gain"], CAMERA["read_noise"], generator)
    return image, CAMERA["offset"] + photons * (high + background) / CAMERA["gain"]


def grey(electrons):
    """Photoelectrons in the units of `photograph`."""
    return CAMERA["offset"] + electrons / CAMERA["gain"]


def shots(config, pairs, photons, seed):
    """Photographs of pairs: images, targets, and the images as photoelectrons with the offset subtracted."""
    generator = torch.Generator().manual_seed(seed)
    images, targets = (torch.stack(v) for v in zip(*(photograph(config, low, high, photons, generator) for low, high in pairs)))
    return images, targets, (images - CAMERA["offset"]) * CAMERA["gain"]
