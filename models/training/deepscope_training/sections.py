"""Sections of a configuration that several kinds of network share."""

from dataclasses import dataclass

from .errors import TrainingError


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Ranges that every photograph of the training draws from. dim: exponent of the uniform number that photons are drawn with: above 1, dim light is more
    often. twelve_bit: fraction read out with 12 bits, the gain raised where the brightest place would not fit. bleached: fraction of photographs of
    specimens of which a part had been lit before and shines less. alone: fraction of patches (of super-resolution) that are photographed and normalised as if
    they were all that the camera saw."""

    photons: list
    background: list
    offset: list
    gain: list
    read_noise: list
    hot_pixels: float
    eight_bit: float
    dim: float = 1.0
    twelve_bit: float = 0.0
    bleached: float = 0.0
    alone: float = 0.0

    def __post_init__(self):
        for name in ("hot_pixels", "eight_bit", "twelve_bit", "bleached", "alone"):
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"camera: {name} is a fraction, from 0 to 1, not {getattr(self, name)}.")
        if not self.dim > 0:
            raise TrainingError(f"camera: dim must be above 0, not {self.dim}.")


@dataclass(frozen=True)
class Normalisation:
    percentiles: list
    jitter: float
    offset_jitter: float


@dataclass(frozen=True)
class Adversarial:
    """The adversary of the last part of training. weight: of its term; begin: the part of the training after which it comes in."""

    weight: float
    begin: float
    widths: list
    rate: float


@dataclass(frozen=True, kw_only=True)
class Training:
    """How every network is trained: examples a batch and pixels a side of each; Adam's rate after so many steps of warm-up."""

    batch: int
    patch: int
    steps: int
    rate: float
    warm_up: int
    checkpoint_every: int
    validate_every: int
    validation_fields: int


def check_shares(training):
    """Refuse a training section whose `absolute` and `fitted` are no shares of one error."""
    if min(training.absolute, training.fitted) < 0 or training.absolute + training.fitted > 1:
        raise TrainingError(f"training: absolute and fitted are shares of one error, together at most 1, not {training.absolute} and {training.fitted}.")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What every configuration holds; each kind adds its own sections."""

    name: str
    kind: str
    seed: int
    camera: Camera
    normalisation: Normalisation
