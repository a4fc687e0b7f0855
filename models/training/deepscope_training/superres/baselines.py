"""What the network must beat: the input as it is shown, bicubic interpolation and Richardson-Lucy deconvolution."""

import math

import torch

from ..optics import Field, pixel_transfer
from ..resample import to_grid

PADDING = 16  # input pixels around the image, edges continued


def nearest(image, factor):
    return image.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def bilinear(image, factor):
    """Corner-aligned bilinear interpolation, as displays do it."""
    return torch.nn.functional.interpolate(image[:, None], scale_factor=factor, mode="bilinear", align_corners=False)[:, 0]


def bicubic(image, factor):
    """Catmull-Rom: also what the network is given."""
    return to_grid(image, 1 / factor)


class RichardsonLucy:
    """Richardson (1972), Lucy (1974) for an image that the camera undersamples, on the target's grid.

    Forward model: in-focus OTF × integration over the input's pixel, then decimation. The variance of the read noise is
    added to data and model (Snyder et al. 1995). The answer, a deconvolved specimen, is convolved with the target's PSF and pixel
    before it is compared: otherwise it would be asked for a sharper image than the target.
    """

    def __init__(self, source, target, wavelength, spherical, pixels):
        """source, target: Objectives; pixels: of the input, a side."""
        self.factor = round(source.pixel / target.pixel)
        self.size = (pixels + 2 * PADDING) * self.factor
        field = Field(self.size, target.pixel)
        shift = (self.factor - 1) / 2 * target.pixel
        phase = torch.polar(torch.ones_like(field.radius), 2 * math.pi * shift * (field.fy + field.fx))
        blur = field.otf(source.na, wavelength, 0.0, spherical, source.index) * pixel_transfer(field.fy, field.fx, source.pixel)
        self.transfer = blur * phase
        self.view = field.otf(target.na, wavelength, 0.0, spherical, target.index) * pixel_transfer(field.fy, field.fx, target.pixel)

    def filter(self, image, transfer):
        return torch.fft.irfft2(torch.fft.rfft2(image) * transfer, s=(self.size, self.size))

    def forward(self, specimen):
        return self.filter(specimen, self.transfer)[..., :: self.factor, :: self.factor]

    def adjoint(self, image):
        spread = torch.zeros(*image.shape[:-2], self.size, self.size)
        spread[..., :: self.factor, :: self.factor] = image
        return self.filter(spread, self.transfer.conj())

    def run(self, photons, read_noise, iterations):
        """`photons` (B, Y, X) photoelectrons with offset subtracted; yields (count, image (B, Y·factor, X·factor)) at each of `iterations`."""
        padded = torch.nn.functional.pad(photons[:, None], (PADDING,) * 4, mode="replicate")[:, 0]
        variance = read_noise**2
        data = torch.clamp(padded + variance, min=1e-3)
        norm = torch.clamp(self.adjoint(torch.ones_like(data[:1])), min=1e-3)
        specimen = torch.clamp(padded.mean((1, 2), keepdim=True), min=1e-2).expand(-1, self.size, self.size).clone()
        edge = PADDING * self.factor
        for count in range(1, max(iterations) + 1):
            ratio = data / torch.clamp(self.forward(specimen) + variance, min=1e-3)
            specimen = torch.clamp(specimen * self.adjoint(ratio) / norm, min=0.0)
            if count in iterations:
                yield count, self.filter(specimen, self.view)[:, edge:-edge, edge:-edge]
