"""What may be chosen for a super-resolution network. Lengths in µm."""

from dataclasses import dataclass

from ..optics import Objective


@dataclass(frozen=True)
class Lens:
    na: float
    pixel: float


@dataclass(frozen=True)
class Optics:
    input: Lens
    target: Lens
    index: float
    wavelengths: list
    spherical: list
    focus: float
    native_na: list

    def objective(self, which):
        """The `input` or `target` lens as the image formation wants it."""
        lens = getattr(self, which)
        return Objective(lens.na, lens.pixel, self.index)

    @property
    def factor(self):
        """Target pixels along one input pixel."""
        return round(self.input.pixel / self.target.pixel)


@dataclass(frozen=True)
class Camera:
    photons: list
    background: list
    offset: list
    gain: list
    read_noise: list
    hot_pixels: float
    eight_bit: float


@dataclass(frozen=True)
class Data:
    field: int
    depth: list
    thin: float
    native: float
    empty: float
    fields: int
    least: int
    families: dict
    emphasis: dict


@dataclass(frozen=True)
class Normalisation:
    percentiles: list
    jitter: float
    offset_jitter: float


@dataclass(frozen=True)
class Network:
    widths: list
    blocks: list
    slope: float


@dataclass(frozen=True)
class Training:
    batch: int
    patch: int
    steps: int
    rate: float
    warm_up: int
    checkpoint_every: int
    validate_every: int
    validation_fields: int
    error: float
    structure: float
    consistency: float
    consistency_sigma: float
    scale: float


@dataclass(frozen=True)
class Evaluation:
    photons: list
    fields: int
    field: int
    depth: float
    background: float
    spherical: float
    iterations: list


@dataclass(frozen=True)
class Config:
    name: str
    kind: str
    seed: int
    optics: Optics
    camera: Camera
    data: Data
    normalisation: Normalisation
    network: Network
    training: Training
    evaluation: Evaluation
