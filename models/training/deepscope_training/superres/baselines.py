"""What the network must beat: the input as it is shown, bicubic interpolation, Wiener's filter and Richardson-Lucy deconvolution."""

import math

import torch

from ..optics import Field, pixel_transfer
from ..resample import to_grid

PADDING = 16  # input pixels around the image, edges continued
TV_FLOOR = 1e-3  # of the mean: gradients below are no edges


def nearest(image, factor):
    return image.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def bilinear(image, factor):
    """Corner-aligned bilinear interpolation, as displays do it."""
    return torch.nn.functional.interpolate(image[:, None], scale_factor=factor, mode="bilinear", align_corners=False)[:, 0]


def bicubic(image, factor):
    """Catmull-Rom: also what the network is given."""
    return to_grid(image, 1 / factor)


class Deconvolution:
    """Classical restoration of an image, on the target's grid.

    Forward model: in-focus OTF × integration over the input's pixel, then decimation. The answer, a deconvolved specimen, is convolved
    with the target's PSF and pixel before it is compared: otherwise it would be asked for a sharper image than the target.
    """

    def __init__(self, source, target, wavelength, spherical, pixels, device="cpu"):
        """source, target: objectives (optics.py, modalities.py); pixels: of the input, a side."""
        self.factor = round(source.pixel / target.pixel)
        self.pixels = pixels + 2 * PADDING
        self.size = self.pixels * self.factor
        field = Field(self.size, target.pixel, device)
        shift = (self.factor - 1) / 2 * target.pixel
        phase = torch.polar(torch.ones_like(field.radius), 2 * math.pi * shift * (field.fy + field.fx))
        blur = field.otf(source, wavelength, 0.0, spherical) * pixel_transfer(field.fy, field.fx, source.pixel)
        self.transfer = blur * phase
        self.view = field.otf(target, wavelength, 0.0, spherical) * pixel_transfer(field.fy, field.fx, target.pixel)

    def filter(self, image, transfer):
        return torch.fft.irfft2(torch.fft.rfft2(image) * transfer, s=(self.size, self.size))

    def forward(self, specimen):
        return self.filter(specimen, self.transfer)[..., :: self.factor, :: self.factor]

    def adjoint(self, image):
        spread = torch.zeros(*image.shape[:-2], self.size, self.size, device=image.device)
        spread[..., :: self.factor, :: self.factor] = image
        return self.filter(spread, self.transfer.conj())

    def padded(self, photons):
        return torch.nn.functional.pad(photons[:, None], (PADDING,) * 4, mode="replicate")[:, 0]

    def seen(self, specimen):
        """The specimen as the target would show it, the padding cut off."""
        edge = PADDING * self.factor
        return self.filter(specimen, self.view)[:, edge:-edge, edge:-edge]

    def wiener(self, photons, regularisation):
        """Wiener's filter for an undersampled image: A*(A A* + r)⁻¹ of the data less their mean, `photons` (B, Y, X) with the offset
        subtracted; A A* is diagonal in the input's own Fourier space (the aliases add up)."""
        data = self.padded(photons)
        mean = data.mean((1, 2), keepdim=True)
        impulse = torch.zeros(1, self.pixels, self.pixels, device=data.device)
        impulse[0, 0, 0] = 1
        gram = torch.fft.rfft2(self.forward(self.adjoint(impulse))).real
        weighted = torch.fft.irfft2(torch.fft.rfft2(data - mean) / (gram + regularisation * gram.max()), s=data.shape[-2:])
        return self.seen(self.adjoint(weighted) + mean)

    def richardson_lucy(self, photons, read_noise, iterations, total_variation=0.0):
        """Richardson (1972), Lucy (1974); with total variation after Dey et al. (2006). The variance of the read noise is added to data and
        model (Snyder et al. 1995). `photons` (B, Y, X) photoelectrons with the offset subtracted; yields (count, image (B, Y·factor, X·factor)) at each of `iterations`."""
        data = self.padded(photons)
        variance = read_noise**2
        start = torch.clamp(data.mean((1, 2), keepdim=True), min=1e-2)
        data = torch.clamp(data + variance, min=1e-3)
        norm = torch.clamp(self.adjoint(torch.ones_like(data[:1])), min=1e-3)
        specimen = start.expand(-1, self.size, self.size).clone()
        for count in range(1, max(iterations) + 1):
            ratio = data / torch.clamp(self.forward(specimen) + variance, min=1e-3)
            rough = total_variation * curvature(specimen, TV_FLOOR * start) if total_variation else 0.0
            specimen = torch.clamp(specimen * self.adjoint(ratio) / torch.clamp(norm * (1 - rough), min=1e-3), min=0.0)
            if count in iterations:
                yield count, self.seen(specimen)


def curvature(image, floor):
    """div(∇u / |∇u|) of a periodic image, gradients below `floor` flattened."""
    dy, dx = (torch.roll(image, -1, axis) - image for axis in (-2, -1))
    length = torch.sqrt(dy * dy + dx * dx + floor * floor)
    dy, dx = dy / length, dx / length
    return dy - torch.roll(dy, 1, -2) + dx - torch.roll(dx, 1, -1)
