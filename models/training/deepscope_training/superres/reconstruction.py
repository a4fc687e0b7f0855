"""A real reconstruction of structured illumination, noise and ringing included: what the network's pictures compete with at a microscope.

Nine frames (three directions, three phases) of a sinusoid of 0.9 × the lens's cutoff and contrast 0.8, together as many photons as the one picture that
the network gets; unmixed, put to their places and joined by Wiener's filter with the target's apodisation (Gustafsson 2000), all parameters known.
"""

import math

import numpy as np
import torch

from .. import camera, metrics
from ..optics import Field, pixel_transfer
from . import fields, predict
from .simulate import MARGIN, OVERSAMPLING, crop

ANGLES = tuple(math.pi * (0.1 + i / 3) for i in range(3))
PHASES = tuple(2 * math.pi * i / 3 for i in range(3))
CONTRAST, CARRIER = 0.8, 0.9
REGULARISATION = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FIELDS = 6  # of each held-out family


def carriers(config):
    """The three wave vectors (fy, fx), cycles/µm."""
    frequency = CARRIER * 2 * config.optics.input.na / config.evaluation.wavelength
    return [(frequency * math.sin(a), frequency * math.cos(a)) for a in ANGLES]


def frames(config, planes, heights):
    """Noise-free frames (3, 3, Y, X) of a specimen on the input's pixels; their mean is the picture without structure."""
    step, evaluation = config.optics.target.pixel / OVERSAMPLING, config.evaluation
    field, planes = Field(planes.shape[-1], step), fields.lit(config, planes, heights)
    place = (torch.arange(field.size) + 0.5) * step
    made = []
    for fy, fx in carriers(config):
        wave = 2 * math.pi * (fy * place[:, None] + fx * place[None, :])
        for phase in PHASES:
            light = 1 + CONTRAST * torch.cos(wave + phase)
            seen = field.see(planes * light, heights, config.optics.objective("input"), evaluation.wavelength, 0.0, evaluation.spherical)
            made.append(crop(seen, config.optics.input.pixel, step))
    return torch.stack(made).view(3, 3, *made[0].shape)


def join(config, shots, regularisation):
    """The reconstruction (Y·factor, X·factor) of frames (3, 3, Y, X)."""
    optics, evaluation, factor = config.optics, config.evaluation, config.optics.factor
    size, pixel, start = shots.shape[-1], optics.input.pixel, MARGIN * optics.target.pixel / OVERSAMPLING
    grid = Field(size * factor, pixel / factor)
    f = torch.fft.fftfreq(grid.size, pixel / factor)
    place = start + (torch.arange(grid.size) + 0.5) * pixel / factor  # µm from where the specimen, and so the sinusoid, begins

    def transfer(objective, fy, fx):
        """A transfer function over the whole plane of frequencies, moved by (fy, fx)."""
        y, x = f[:, None] - fy, f[None, :] - fx
        grid.radius = torch.sqrt(y * y + x * x)
        return grid.otf(objective, evaluation.wavelength, 0.0, evaluation.spherical) * pixel_transfer(y, x, objective.pixel)

    def raised(band):
        """A band (complex, on the input's pixels) on the target's grid, which shares its corners, by Fourier interpolation."""
        edge = (grid.size - size) // 2
        spectrum = torch.fft.ifftshift(torch.nn.functional.pad(torch.fft.fftshift(torch.fft.fft2(band)), (edge,) * 4)) * factor**2
        shift = 2 * math.pi * (pixel / factor - pixel) / 2
        return torch.fft.ifft2(spectrum * torch.polar(torch.ones(grid.size, grid.size), shift * (f[:, None] + f[None, :])))

    mixing = torch.tensor([[1, CONTRAST / 2 * np.exp(1j * p), CONTRAST / 2 * np.exp(-1j * p)] for p in PHASES], dtype=torch.complex64)
    above, below = torch.zeros(grid.size, grid.size, dtype=torch.complex64), torch.zeros(grid.size, grid.size)
    for (fy, fx), three in zip(carriers(config), shots):
        bands = torch.einsum("bp,pyx->byx", torch.linalg.inv(mixing), three.to(torch.complex64))
        for band, sign in zip(bands, (0, 1, -1)):
            wave = 2 * math.pi * sign * (fy * place[:, None] + fx * place[None, :])
            seen_by = transfer(optics.objective("input"), -sign * fy, -sign * fx)
            above += seen_by * torch.fft.fft2(raised(band) * torch.polar(torch.ones_like(wave), -wave))
            below += seen_by**2
    return torch.fft.ifft2(above / (below + regularisation * below.max()) * transfer(optics.objective("target"), 0.0, 0.0)).real


def table(config, network):
    """Mean PSNR and SSIM of the network, which saw one picture, and of the reconstruction, which saw nine frames of a ninth of the light each, by
    held-out family and photon level; the regularisation is the best for each field with the answer known. Only where the target is structured illumination on a grid fine enough for it."""
    if config.optics.target.modality != "sim" or config.optics.factor < 2:
        return []
    rows = []
    for family in config.evaluation.families:
        for photons in config.evaluation.photons:
            generator, found = torch.Generator().manual_seed(photons + 8), {"network": [], "reconstruction": []}
            for planes, heights in filter(None, fields.specimens(config, family, FIELDS)):
                low, high = fields.pair(config, planes, heights)
                raw = frames(config, planes, heights)
                raw = raw * (low.mean() / raw.mean())
                image, target = fields.photograph(config, low, high, photons, generator)
                offset, gain, read_noise = fields.CAMERA["offset"], fields.CAMERA["gain"], fields.CAMERA["read_noise"]
                shots = camera.read_out(photons / 9 * (raw + config.evaluation.background), offset, gain, read_noise, generator)
                restored, _ = predict.enhance(network, fields.raise_all(config, image), config.normalisation.percentiles)
                found["network"].append(metrics.compare(restored, target))
                joined = [metrics.compare(join(config, (shots - offset) * gain, r), target) for r in REGULARISATION]
                found["reconstruction"].append(max(joined, key=lambda f: f["psnr"]))
            figures = {f"{name}_{key}": float(np.mean([f[key] for f in many])) for name, many in found.items() for key in ("psnr", "ssim")}
            rows.append({"specimen": family, "photons": photons, "fields": len(found["network"]), **figures})
    return rows
