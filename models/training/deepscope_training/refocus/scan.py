"""A specimen scanned through focus: what widefield and confocal show of it at every position of the focus.

The confocal is the same lens used twice: its point-spread function is the illumination's times the detection's blurred by the
pinhole (Wilson & Sheppard 1984), scaled so that a thin sheet in focus keeps its value; out of focus it loses light as
it must. Both are rotationally symmetric, so one line of the transfer function holds everything.
"""

import functools
import math

import torch

from ..optics import Field, margin, psf

CONFOCAL_REACH = 8.0  # µm: emitters farther from focus leave less than 1 % of their light in the confocal image
AIRY_RADIUS = 0.61  # of λ / NA: the first dark ring


@functools.lru_cache(maxsize=4096)
def confocal_line(na, emission, excitation, pinhole, defocus, spherical, index):
    """The confocal's transfer function on a line, not yet scaled: (df in cycles/µm, tensor of values).

    emission, excitation: wavelengths in µm; pinhole: diameter in Airy units of the emission, in the sample.
    """
    pixel = excitation / (8 * na)  # the product of two spread functions has twice their band
    size = 512  # 41 µm and more
    light, detected = (psf(na, wavelength, defocus, spherical, pixel, size, index)[0] for wavelength in (excitation, emission))
    f = torch.fft.fftfreq(size, pixel, dtype=torch.float64)
    rho = torch.sqrt(f[:, None] ** 2 + f[None, :] ** 2)
    radius = pinhole * AIRY_RADIUS * emission / na
    argument = 2 * math.pi * radius * rho
    disc = torch.where(argument > 1e-9, 2 * torch.special.bessel_j1(argument) / torch.clamp(argument, min=1e-9), torch.ones_like(rho))
    detected = torch.fft.ifft2(torch.fft.fft2(detected) * disc).real
    return 1.0 / (size * pixel), torch.fft.fft((light * detected).sum(0)).real[: size // 2 + 1]


class Confocal:
    """The scaled confocal transfer function at a field's frequencies."""

    def __init__(self, field, optics, emission, spherical):
        self.field, self.spherical = field, round(float(spherical), 3)
        self.arguments = (optics.na, emission, round(emission * optics.excitation, 4), optics.pinhole)
        self.index = optics.index
        self.unit = float(self.line(0.0)[1][0])

    def line(self, defocus):
        return confocal_line(*self.arguments, round(float(defocus), 2), self.spherical, self.index)

    def __call__(self, defocus):
        df, line = self.line(defocus)
        return along(self.field.radius, df, (line / self.unit).to(torch.float32))


def along(radius, df, line):
    """Values of a radial table at `radius` (cycles/µm), by linear interpolation; 0 beyond its end."""
    line = torch.cat([line, line.new_zeros(2)]).to(radius.device)
    position = torch.clamp(radius / df, max=len(line) - 1.001)
    low = position.to(torch.int64)
    return torch.lerp(line[low], line[low + 1], position - low)


def scan(field, planes, heights, positions, optics, wavelength, spherical, confocal=True):
    """Noise-free images (P, pixels, pixels) with the focus at each of `positions` µm: widefield, and confocal or None.

    planes: (Z, size, size) density at `heights` µm. Units: a flat specimen in focus keeps its value.
    """
    objective, used = optics.objective, [i for i in range(len(heights)) if planes[i].any()] or [0]
    spectra = torch.fft.rfft2(torch.as_tensor(planes)[used].to(field.fy.device))
    heights = [float(heights[i]) for i in used]
    sharp = Confocal(field, optics, wavelength, spherical) if confocal else None
    wide, thin = {}, {}
    widefield, sectioned = [], []
    for position in positions:
        total, section = torch.zeros_like(spectra[0]), torch.zeros_like(spectra[0])
        for spectrum, height in zip(spectra, heights):
            d = round(height - float(position), 3)
            if d not in wide:
                wide[d] = field.otf(objective, wavelength, d, spherical)
            total += spectrum * wide[d]
            if sharp and abs(d) <= CONFOCAL_REACH:
                if d not in thin:
                    thin[d] = sharp(d)
                section += spectrum * thin[d]
        widefield.append(field.to_pixels(total, objective.pixel))
        if sharp:
            sectioned.append(field.to_pixels(section, objective.pixel))
    return torch.stack(widefield), torch.stack(sectioned) if sharp else None


def field_for(pixels, objective, reach, oversampling=2, device="cpu"):
    """A Field whose middle `pixels`² camera pixels are untouched by its periodic border when emitters lie up to `reach` µm from
    focus, and that border in camera pixels."""
    border = math.ceil(margin([objective], reach) / objective.pixel)
    while not smooth((pixels + 2 * border) * oversampling):
        border += 1
    return Field((pixels + 2 * border) * oversampling, objective.pixel / oversampling, device), border


def smooth(number):
    """Whether a transform of this length is quick: no prime factor above 5."""
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1


def focus_travel(na, index):
    """µm by which the focus moves in a sample of `index` when an air objective of aperture `na` moves by 1 µm.

    A ray that enters at s = sin θ in air moves its crossing with the axis by tan θ / tan θ' = sqrt((n² - s²) / (1 - s²)): n for paraxial
    rays, more at the edge of the pupil. This is its mean over the pupil's area (10 000 rings).
    """
    square = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000 * na**2
    return float(torch.sqrt((index**2 - square) / (1 - square)).mean())
