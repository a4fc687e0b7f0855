"""What the network must beat: the input, Richardson-Lucy in the plane, and Richardson-Lucy in the volume, each told the optics exactly.

Richardson (1972), Lucy (1974); the variance of the read noise is added to data and model (Snyder et al. 1995). Both work on the
camera's pixels, padded, with the transfer function of the optics and the pixel. What they find is seen again as the picture that is asked for would be: by the
objective, or by the confocal.
"""

import torch

from ..optics import Field, pixel_transfer
from .scan import CONFOCAL_REACH, Confocal

PADDING = 40  # pixels around the image, edges continued
LAYER = 1.0  # µm between the layers of the volume
DEPTH = 12.0  # µm: the volume reaches so far on either side of the input's focus


class Optics:
    """Transfer functions of one image size at any defocus. optics: the section of a configuration; target: 'widefield' or 'confocal'."""

    def __init__(self, optics, target, wavelength, spherical, pixels, device="cpu"):
        self.size = pixels + 2 * PADDING
        self.objective, self.wavelength, self.spherical = optics.objective, wavelength, spherical
        self.field = Field(self.size, optics.pixel, device)
        self.pixel = pixel_transfer(self.field.fy, self.field.fx, optics.pixel)
        self.confocal = Confocal(self.field, optics, wavelength, spherical) if target == "confocal" else None

    def at(self, defocus):
        """Of the microscope that took the image."""
        return self.field.otf(self.objective, self.wavelength, defocus, self.spherical) * self.pixel

    def wanted(self, defocus):
        """Of the one whose picture is asked for."""
        if self.confocal is None:
            return self.at(defocus)
        return self.confocal(defocus) * self.pixel if abs(defocus) <= CONFOCAL_REACH else torch.zeros_like(self.pixel)

    def filter(self, image, transfer):
        return torch.fft.irfft2(torch.fft.rfft2(image) * transfer, s=(self.size, self.size))


def pad(photons):
    return torch.nn.functional.pad(photons[:, None], (PADDING,) * 4, mode="replicate")[:, 0]


def crop(image):
    return image[..., PADDING:-PADDING, PADDING:-PADDING]


def in_the_plane(optics, photons, read_noise, distance, iterations):
    """All light is taken to come from the plane `distance` µm from the input's focus. photons (B, Y, X), offset subtracted.

    Yields (count, image (B, Y, X)): the deconvolved plane as the wanted picture would show it in focus.
    """
    blur, sharp = optics.at(distance), optics.wanted(0.0)
    data = torch.clamp(pad(photons) + read_noise**2, min=1e-3)
    plane = torch.clamp(data.mean((1, 2), keepdim=True), min=1e-2).expand_as(data).clone()
    for count in range(1, max(iterations) + 1):
        ratio = data / torch.clamp(optics.filter(plane, blur) + read_noise**2, min=1e-3)
        plane = torch.clamp(plane * optics.filter(ratio, blur), min=0)  # real and even: its own adjoint
        if count in iterations:
            yield count, crop(optics.filter(plane, sharp)).cpu()


def in_the_volume(optics, photons, read_noise, distances, iterations):
    """A volume of layers that explains the one image, seen again with the focus at each of `distances` µm from the input's.

    Yields (count, {distance: image (B, Y, X)}).
    """
    heights = torch.arange(-DEPTH, DEPTH + LAYER / 2, LAYER).tolist()
    blur = torch.stack([optics.at(z) for z in heights])
    views = {d: torch.stack([optics.wanted(z - d) for z in heights]) for d in distances}
    data = torch.clamp(pad(photons) + read_noise**2, min=1e-3)[:, None]
    start = torch.clamp(data.mean((2, 3), keepdim=True), min=1e-2) / len(heights)
    volume = start.expand(-1, len(heights), *data.shape[2:]).clone()

    def seen(transfer):
        return torch.fft.irfft2((torch.fft.rfft2(volume) * transfer).sum(1), s=data.shape[2:])

    for count in range(1, max(iterations) + 1):
        ratio = data / torch.clamp(seen(blur)[:, None] + read_noise**2, min=1e-3)
        volume *= torch.clamp(optics.filter(ratio, blur), min=0)
        if count in iterations:
            yield count, {d: crop(seen(views[d])).cpu() for d in distances}
