"""Evaluation fields: specimens that training has not seen, scanned through focus, and their photographs."""

import numpy as np
import torch

from .. import camera
from ..scene import STEP_Z
from . import fields, heldout
from .scan import scan

CAMERA = {"offset": 100.0, "gain": 0.46, "read_noise": 1.6}  # of the demo microscope (docs/optics.md)
FIRST_FRESH = 20_000_000  # pool indices that no training uses
DEPTH = 13.0  # µm: half depth of the specimens


def photograph(config, source, photons, generator, background=None):
    """The camera's picture (ADU) of a noise-free image (Y, X); `photons` stand for 1."""
    background = config.evaluation.background if background is None else background
    return camera.read_out(photons * (source + background), CAMERA["offset"], CAMERA["gain"], CAMERA["read_noise"], generator)


def truth(config, images, photons, background=None):
    """Noise-free images in the units of `photograph`."""
    background = config.evaluation.background if background is None else background
    return CAMERA["offset"] + photons * (images + background) / CAMERA["gain"]


def electrons(image):
    """Photoelectrons of a photograph, offset subtracted."""
    return (image - CAMERA["offset"]) * CAMERA["gain"]


def grey(light):
    """Photoelectrons in the units of `photograph`."""
    return CAMERA["offset"] + light / CAMERA["gain"]


def look(config, planes, heights, positions, spherical=None, wavelength=None, pixels=None):
    """Noise-free stacks of a specimen on the fine grid: widefield and confocal (P, Y, X), not scaled."""
    evaluation, optics = config.evaluation, config.optics
    field, border = stage(config, pixels)
    spherical = evaluation.spherical if spherical is None else spherical
    stacks = scan(field, torch.as_tensor(planes), heights, positions, optics, wavelength or evaluation.wavelength, spherical)
    return tuple(s[:, border:-border, border:-border].clamp(min=0).cpu() for s in stacks)


def stage(config, pixels=None):
    """The field that evaluation specimens are drawn on, and its border in camera pixels."""
    return fields.stage(pixels or config.evaluation.field, config.optics.objective, DEPTH + config.data.reach, "cpu")


def held_out(config, family, count, positions, first=0):
    """`count` specimens, from number `first` on, of one held-out family: (widefield, confocal), the brightest structure of the widefield stack at 1."""
    field, _ = stage(config)
    heights = np.arange(-DEPTH, DEPTH + STEP_Z / 2, STEP_Z)
    found = []
    for index in range(first, first + count):
        rng = np.random.default_rng((config.seed, 6, *family.encode(), index))
        found.append(scaled(*look(config, heldout.FAMILIES[family](rng, field.size, field.step, heights), heights, positions)))
    return found


def scaled(widefield, confocal):
    peak = max(float(np.quantile(widefield.amax(0).numpy(), fields.PEAK)), 1e-9)
    return widefield / peak, confocal / peak


def target(config, stacks):
    """The stack this package is asked for."""
    return stacks[1] if config.data.target == "confocal" else stacks[0]


def seen(config, count):
    """`count` fresh pool entries, made like those of training."""
    return [fields.make(config, FIRST_FRESH + index) for index in range(count)]


def beads(config, positions, spacing=9.0, spherical=None, pixels=None, seed=0):
    """Beads of 0.1 µm in one plane, z = 0, on a jittered grid: (widefield, confocal) with the focus at `positions`, the sharpest peak at 1,
    and their places (y, x) in pixels. A photograph at position p shows beads at distance -p from its focus."""
    field, border = stage(config, pixels)
    rng, pixel = np.random.default_rng((config.seed, 7, seed)), config.optics.pixel
    inner = (pixels or config.evaluation.field) * pixel
    ticks = np.arange(spacing / 2, inner - spacing / 2 + 0.1, spacing)
    places = np.array([(y, x) for y in ticks for x in ticks]) + rng.uniform(-0.7, 0.7, (len(ticks) ** 2, 2))
    y, x = (v[:, None] + border * pixel + rng.normal(0, 0.05, (len(places), 30)) for v in places.T)
    plane = heldout.deposit(field.size, field.step, np.array([-1.0, 0.0, 1.0]), x, y, 0 * x, 1.0)[1:2]
    widefield, confocal = look(config, plane, [0.0], positions, spherical, pixels=pixels)
    sharp = look(config, plane, [0.0], [0.0], spherical, pixels=pixels)[0].max()
    return widefield / sharp, confocal / sharp, places / pixel - 0.5
