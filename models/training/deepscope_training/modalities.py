"""Confocal, STED, structured illumination and a blurred lens, as transfer functions on a line from frequency 0 outwards.

Everything is rotationally symmetric, so one line holds a whole transfer function, and Hankel transforms by quadrature make it
from the pupil. Scalar theory: above NA 0.8 polarisation matters, so it would give too narrow a confocal spot and too perfect a zero. The widths of
confocal and STED are therefore given as measured ones, and the underfilling and the depletion are solved for.

Each class has `na`, `pixel` (µm), `index` and `line(wavelength, defocus, spherical)` → (df in cycles/µm, values), 1 at frequency 0 in focus, as
`optics.Objective` has. `wavelength` is that of emission.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize, special

from . import optics

RADII = np.arange(0, 2.4, 0.004)  # µm
PUPIL = (np.arange(160) + 0.5) / 160  # of the pupil's radius
SAMPLES = 192  # along a transfer function
STEP_DEFOCUS = 0.04  # µm between tabulated planes


def amplitude(na, wavelength, index, defocus, spherical, fill=None, order=0):
    """The field (complex) at RADII of a pupil: Gaussian amplitude exp(-(r/fill)²) (None: uniform), vortex of charge `order` (0 or 1).

    U(r) = ∫ A(ρ) exp(iφ(ρ)) J_order(2π ρ r NA/λ) ρ dρ with the phase of `optics.pupil_phase`. Not normalised.
    """
    rho = torch.from_numpy(PUPIL * na / wavelength)
    phase = optics.pupil_phase(rho, na, wavelength, defocus, spherical, index).numpy()
    strength = PUPIL * np.exp(1j * phase) * (1 if fill is None else np.exp(-((PUPIL / fill) ** 2)))
    return waves(na / wavelength, order) @ strength


@functools.lru_cache(maxsize=16)
def waves(cutoff, order):
    """J_order(2π r ρ) for RADII and the pupil's frequencies up to `cutoff`."""
    return (special.j0, special.j1)[order](2 * math.pi * np.outer(RADII, PUPIL) * cutoff)


@functools.lru_cache(maxsize=16)
def rings(end):
    """J0(2π r f) for RADII and SAMPLES frequencies from 0 to `end`."""
    return special.j0(2 * math.pi * np.outer(RADII, np.linspace(0, end, SAMPLES)))


def spot(na, wavelength, index, defocus, spherical, fill=None):
    """Intensity at RADII of the light of one pupil: its integral over the plane is 1 at every defocus (Parseval)."""
    ring = 2 * math.pi * (na / wavelength) ** 2 / len(PUPIL)  # area of a ring of the pupil over its radius in pupil units
    light = ring * (PUPIL * (1 if fill is None else np.exp(-2 * (PUPIL / fill) ** 2))).sum()
    return np.abs(ring * amplitude(na, wavelength, index, defocus, spherical, fill)) ** 2 / light


def to_frequencies(profile, end):
    """2π ∫ h(r) J0(2π f r) r dr by the trapezoidal rule, of a profile over RADII, at SAMPLES frequencies from 0 to `end`."""
    return (np.gradient(RADII) * RADII * profile * 2 * math.pi) @ rings(end)


def to_radii(transfer, end):
    """The way back: a profile over RADII."""
    f = np.linspace(0, end, SAMPLES)
    return rings(end) @ (np.gradient(f) * f * transfer * 2 * math.pi)


def energy(profile):
    """The integral of a profile over the plane."""
    return float((np.gradient(RADII) * RADII * profile).sum() * 2 * math.pi)


def width(profile):
    """Full width at half maximum of a profile over RADII that falls from its middle."""
    below = int(np.argmax(profile < profile[0] / 2))
    a, b = profile[below - 1], profile[below]
    return 2 * (RADII[below - 1] + (a - profile[0] / 2) / (a - b) * (RADII[below] - RADII[below - 1]))


def through_pinhole(na, wavelength, index, defocus, spherical, airy_units):
    """Share of an emitter's collected light that passes a pinhole of so many Airy units, for emitters at RADII."""
    diameter = airy_units * 1.22 * wavelength / na
    end = 2 * na / wavelength
    transfer = to_frequencies(spot(na, wavelength, index, defocus, spherical), end)
    x = math.pi * np.linspace(0, end, SAMPLES) * diameter
    disc = math.pi * diameter**2 / 4 * np.where(x > 0, 2 * special.j1(x) / np.maximum(x, 1e-9), 1)
    return np.clip(to_radii(transfer * disc, end), 0, 1)


@functools.lru_cache(maxsize=64)
def underfill(na, wavelength, stokes, index, pinhole, fwhm):
    """The `fill` of the illumination's pupil that makes an in-focus confocal spot of `fwhm` µm."""
    seen = through_pinhole(na, wavelength, index, 0.0, 0.0, pinhole)
    return float(optimize.brentq(lambda fill: width(spot(na, wavelength * stokes, index, 0.0, 0.0, fill) * seen) - fwhm, 0.2, 5.0, xtol=1e-3))


@dataclass(frozen=True)
class Confocal:
    """A laser spot from an underfilled pupil, seen through a pinhole (Airy units): a point looks `fwhm` µm wide."""

    na: float
    pixel: float
    index: float
    fwhm: float
    pinhole: float
    stokes: float  # excitation wavelength over emission wavelength

    def spot(self, wavelength, defocus, spherical):
        """Detected light of an emitter at RADII; the integral is 1 in focus and falls with defocus."""
        fill = underfill(self.na, wavelength, self.stokes, self.index, self.pinhole, self.fwhm)

        def at(d, w):
            light = spot(self.na, wavelength * self.stokes, self.index, d, w, fill)
            return light * through_pinhole(self.na, wavelength, self.index, d, w, self.pinhole)

        return at(defocus, spherical) / energy(at(0.0, spherical))

    def line(self, wavelength, defocus, spherical):
        return tabulated(self, wavelength, round(defocus / STEP_DEFOCUS) * STEP_DEFOCUS, round(spherical, 2))


@functools.lru_cache(maxsize=64)
def depletion(confocal, wavelength, fwhm, residual):
    """The strength of the depletion (in units of its fluorophore's saturation) that leaves a spot of `fwhm` µm."""
    light = confocal.spot(wavelength, 0.0, 0.0)
    ring = doughnut(confocal, wavelength, 0.0, 0.0) + residual
    return float(optimize.brentq(lambda s: width(light * np.exp(-s * ring)) - fwhm, 0.1, 2000.0, xtol=1e-3))


def doughnut(confocal, wavelength, defocus, spherical):
    """Intensity of the depletion beam at RADII over its in-focus maximum: a vortex in the pupil (Hell & Wichmann 1994; scalar)."""
    beam = wavelength * STED_BEAM

    def ring(d, w):
        return np.abs(amplitude(confocal.na, beam, confocal.index, d, w, None, 1)) ** 2

    return ring(defocus, spherical) / ring(0.0, 0.0).max()


STED_BEAM = 1.15  # depletion wavelength over emission wavelength: 775 nm for 675 nm


@dataclass(frozen=True)
class Sted:
    """A confocal spot narrowed to `fwhm` µm by a depletion ring whose zero is not quite dark (`residual` of its maximum)."""

    confocal: Confocal
    fwhm: float
    residual: float

    @property
    def na(self):
        return self.confocal.na

    @property
    def pixel(self):
        return self.confocal.pixel

    @property
    def index(self):
        return self.confocal.index

    def spot(self, wavelength, defocus, spherical):
        strength = depletion(self.confocal, wavelength, self.fwhm, self.residual)

        def at(d, w):
            ring = doughnut(self.confocal, wavelength, d, w) + self.residual
            return self.confocal.spot(wavelength, d, w) * np.exp(-strength * ring)

        return at(defocus, spherical) / energy(at(0.0, spherical))

    def line(self, wavelength, defocus, spherical):
        return tabulated(self, wavelength, round(defocus / STEP_DEFOCUS) * STEP_DEFOCUS, round(spherical, 2))


@functools.lru_cache(maxsize=4096)
def tabulated(modality, wavelength, defocus, spherical):
    """(df, transfer function) of a modality with a `spot`, up to where it has fallen to nothing: four times the lens's cutoff, or 2/FWHM."""
    end = max(4 * modality.na / wavelength, 2.0 / modality.fwhm)
    values = to_frequencies(modality.spot(wavelength, defocus, spherical), end)
    values[-2:] = 0
    return end / (SAMPLES - 1), torch.from_numpy(values).float()


@dataclass(frozen=True)
class Structured:
    """Two-dimensional structured illumination at its best: the specimen through a support twice as wide, apodised to the shape of an
    ideal transfer function, (2/π)(acos x - x sqrt(1 - x²)), x = f λ / (4 NA) (Gustafsson 2000). Meant for the thin layer that total reflection
    lights: `defocus` and `spherical` do not change it."""

    na: float
    pixel: float
    index: float

    def line(self, wavelength, defocus, spherical):
        x = torch.linspace(0, 1, SAMPLES)
        return 4 * self.na / wavelength / (SAMPLES - 1), 2 / math.pi * (torch.acos(x) - x * torch.sqrt(1 - x * x))


@dataclass(frozen=True)
class Blurred:
    """A lens whose light is spread further than theory says, by a Gaussian of standard deviation `sigma` µm more. Scalar theory is too narrow at a high aperture, and no objective,
    cover glass or stage is perfect."""

    lens: object
    sigma: float

    @property
    def na(self):
        return self.lens.na

    @property
    def pixel(self):
        return self.lens.pixel

    @property
    def index(self):
        return self.lens.index

    def line(self, wavelength, defocus, spherical):
        df, values = self.lens.line(wavelength, defocus, spherical)
        return df, values * torch.exp(-2 * (math.pi * self.sigma * df * torch.arange(len(values))) ** 2)


def evanescent(heights, bottom, depth):
    """Excitation at `heights` µm above a coverslip at `bottom`, that decays over `depth` µm (total internal reflection)."""
    return np.exp(-np.maximum(np.asarray(heights) - bottom, 0) / depth)
