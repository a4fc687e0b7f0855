"""Scalar image formation, exactly as `docs/optics.md` writes it down.

Lengths in µm in the sample, z positive away from the objective, defocus d = z_emitter - z_focus, spherical
aberration W in waves RMS (Noll-normalised Zernike Z(4,0)). Scalar theory, adequate up to about NA 0.8: above
that polarisation matters and this model should not be used.

Everything is batched PyTorch and runs on the device of its inputs.
"""

import functools
import math
from dataclasses import dataclass

import torch

SAMPLE_INDEX = 1.33


@dataclass(frozen=True)
class Objective:
    """What image formation needs to know of a lens: numerical aperture, pixel in the sample (µm), sample index."""

    na: float
    pixel: float
    index: float = SAMPLE_INDEX

    def line(self, wavelength, defocus, spherical):
        """Its transfer function from frequency 0 outwards: (df in cycles/µm, values)."""
        return radial_otf(self.na, wavelength, defocus, spherical, self.index)


def pupil_phase(rho, na, wavelength, defocus, spherical, index=SAMPLE_INDEX):
    """Phase in radians at transverse frequency `rho` (cycles/µm). All arguments broadcast.

    2π [ d sqrt((n/λ)² - ρ²) + W sqrt(5) (6r⁴ - 6r² + 1) ],  r = ρ λ / NA
    """
    r2 = (rho * wavelength / na) ** 2
    axial = torch.sqrt(torch.clamp((index / wavelength) ** 2 - rho**2, min=0.0))
    return 2 * math.pi * (defocus * axial + spherical * math.sqrt(5.0) * (6 * r2**2 - 6 * r2 + 1))


def psf(na, wavelength, defocus, spherical, pixel, size, index=SAMPLE_INDEX):
    """Intensity point-spread functions, each summing to 1, with the centre at element [0, 0] (FFT order).

    `defocus` (µm) and `spherical` (waves RMS): tensors of shape (B,). Returns (B, size, size) on a grid of `pixel` µm,
    which must not be coarser than λ/(4 NA). The pupil's radius is size·pixel·NA/λ frequency samples: with 64 of them the
    in-focus peak is right to 0.2 %.
    """
    if pixel > wavelength / (4 * na) * (1 + 1e-9):
        raise ValueError(f"a grid of {pixel} µm is coarser than λ/(4 NA) = {wavelength / (4 * na):.4f} µm")
    defocus, spherical = (torch.as_tensor(v, dtype=torch.float64).reshape(-1, 1, 1) for v in (defocus, spherical))
    f = torch.fft.fftfreq(size, pixel, dtype=torch.float64, device=defocus.device)
    rho = torch.sqrt(f[:, None] ** 2 + f[None, :] ** 2)
    amplitude = (rho <= na / wavelength).to(rho)
    phase = pupil_phase(rho, na, wavelength, defocus, spherical, index)
    field = torch.fft.ifft2(torch.polar(amplitude.expand_as(phase), phase))
    intensity = field.real**2 + field.imag**2
    return intensity / intensity.sum((-2, -1), keepdim=True)


def pixel_transfer(fy, fx, pixel):
    """Transfer function of integration (as a mean) over a square pixel of `pixel` µm."""
    return torch.sinc(fy * pixel) * torch.sinc(fx * pixel)


@functools.lru_cache(maxsize=4096)
def radial_otf(na, wavelength, defocus, spherical, index=SAMPLE_INDEX, samples=256):
    """The optical transfer function on a line from 0 to the cutoff 2 NA/λ: (df in cycles/µm, tensor of values).

    The pupil is rotationally symmetric, so one line holds everything. The grid widens with defocus so that the
    PSF's geometric disc (radius |d| NA / sqrt(n² - NA²)) plus 6 µm stays inside it.
    """
    pixel = wavelength / (4 * na)
    needed = 2 * (defocus_radius(na, defocus, index) + 6.0) / pixel
    size = max(samples, 2 ** math.ceil(math.log2(needed)))
    spread = psf(na, wavelength, defocus, spherical, pixel, size, index)[0]
    line = torch.fft.fft(spread.sum(0)).real[: size // 2 + 1]
    return 1.0 / (size * pixel), line.to(torch.float32)


def defocus_radius(na, defocus, index=SAMPLE_INDEX):
    """Radius in µm of the geometric light cone at `defocus` µm from focus."""
    return abs(defocus) * na / math.sqrt(index**2 - na**2)


def collected_fraction(na, index=SAMPLE_INDEX):
    """Fraction of an isotropic emitter's light that enters the objective."""
    return (1 - math.sqrt(1 - (na / index) ** 2)) / 2


class Field:
    """A square of specimen on a fine grid, and how objectives see it.

    size: samples a side (choose a product of small primes); step: µm between samples. Fourier tables are kept.
    """

    def __init__(self, size, step, device="cpu"):
        self.size, self.step = size, step
        self.fy = torch.fft.fftfreq(size, step, device=device)[:, None]
        self.fx = torch.fft.rfftfreq(size, step, device=device)[None, :]
        self.radius = torch.sqrt(self.fy**2 + self.fx**2)

    def otf(self, objective, wavelength, defocus, spherical):
        """The transfer function (size, size//2+1) at this field's frequencies, by linear interpolation of the objective's line.

        objective: `Objective`, or a modality of `modalities.py`.
        """
        df, line = objective.line(wavelength, round(float(defocus), 2), round(float(spherical), 3))
        position = torch.clamp(self.radius / df, max=len(line) - 1.001)
        low = position.to(torch.int64)
        part = position - low
        line = line.to(self.radius.device)
        return line[low] * (1 - part) + line[low + 1] * part

    def see(self, planes, heights, objective, wavelength, focus, spherical):
        """The noise-free image of `planes` (Z, size, size; density) at `heights` (Z; µm) with the focus at `focus` µm.

        Returns (size·step/pixel)² pixels, the mean density over each pixel: a flat specimen keeps its value. Pixel
        (0, 0) begins where the field begins. The field is periodic: crop the margin afterwards.
        """
        return self.see_spectra(torch.fft.rfft2(planes), heights, objective, wavelength, focus, spherical)

    def see_spectra(self, spectra, heights, objective, wavelength, focus, spherical):
        """As `see`, from the planes' `rfft2`: two objectives looking at the same specimen share it."""
        total = torch.zeros_like(spectra[0])
        for spectrum, height in zip(spectra, heights):
            total += spectrum * self.otf(objective, wavelength, float(height) - focus, spherical)
        return self.to_pixels(total, objective.pixel)

    def to_pixels(self, spectrum, pixel):
        """The picture that camera pixels of `pixel` µm take of the light whose `rfft2` is given."""
        factor = round(pixel / self.step)
        if abs(factor * self.step - pixel) > 1e-6 or self.size % factor:
            raise ValueError(f"pixels of {pixel} µm do not fit a field of {self.size} samples of {self.step} µm")
        shift = (factor - 1) / 2 * self.step  # from the first sample of a pixel to its middle
        phase = torch.polar(torch.ones_like(self.radius), 2 * math.pi * shift * (self.fy + self.fx))
        spectrum = spectrum * phase * pixel_transfer(self.fy, self.fx, pixel)
        return torch.fft.irfft2(spectrum, s=(self.size, self.size))[..., ::factor, ::factor]


def margin(objectives, reach):
    """µm of specimen to simulate beyond the picture when emitters lie up to `reach` µm from the focus."""
    return max(defocus_radius(o.na, reach, o.index) for o in objectives) + 4.0
