"""What may be chosen for a network of protein location. Lengths in µm."""

from dataclasses import dataclass

from .. import sections


@dataclass(frozen=True)
class Optics:
    pixel: list
    na: list
    index: float
    wavelengths: list
    spherical: list
    focus: float
    sectioned: float


@dataclass(frozen=True, kw_only=True)
class Camera(sections.Camera):
    saturated: float


@dataclass(frozen=True)
class Data:
    field: int
    depth: list
    odd: float
    haze: float
    fields: int
    least: int


@dataclass(frozen=True)
class Network:
    widths: list
    direct: int


@dataclass(frozen=True, kw_only=True)
class Training(sections.Training):
    zoom: list
    uniform: float


@dataclass(frozen=True)
class Evaluation:
    grid: float
    fields: int
    photons: list
    pixels: list
    side: int
    false_alarm: float


@dataclass(frozen=True, kw_only=True)
class Config(sections.Config):
    optics: Optics
    camera: Camera
    data: Data
    network: Network
    training: Training
    evaluation: Evaluation

    @property
    def pixels(self):
        """Pixel sizes that the network sees in training, µm: smallest and largest."""
        return [round(self.optics.pixel[0] / self.training.zoom[1], 3), round(self.optics.pixel[1] / self.training.zoom[0], 3)]
