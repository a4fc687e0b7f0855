"""What a configuration of the kind `refocus` holds. Lengths in µm of the sample, photons in photoelectrons."""

from dataclasses import dataclass

from .. import sections
from ..optics import Objective


@dataclass(frozen=True)
class Optics:
    na: float
    pixel: float
    index: float
    wavelengths: list
    excitation: float  # excitation over emission wavelength, for the confocal target
    pinhole: float  # its diameter in Airy units
    spherical: list  # waves RMS, one sign

    @property
    def objective(self):
        return Objective(self.na, self.pixel, self.index)


@dataclass(frozen=True)
class Data:
    field: int
    depth: float
    inner: float  # inputs lie within so many µm of the middle
    reach: float  # targets within so many µm of the input
    inputs: int
    targets: int
    fields: int
    least: int
    families: dict
    target: str  # widefield | confocal


@dataclass(frozen=True)
class Network:
    dpm: str  # early | late
    widths: list
    down: list
    up: list
    features: int
    slope: float


@dataclass(frozen=True, kw_only=True)
class Training(sections.Training):
    bright: float  # share of examples whose photons come from the brightest decade
    border: int
    floor: float
    structure: float
    scale: float
    power: float = 0.0  # 0: the logarithm of errors; above, to be further off than the input costs more
    absolute: float = 0.5  # share of the mean absolute error in the error that counts, what is left by it and `fitted` being the RMS: a rare spot's median is dark, its mean is not
    fitted: float = 0.0  # share of the RMS error after a linear fit of the image to its target
    least: float = 1e-3  # of the image, added to the deviation of a target that its errors are relative to: nearly empty targets count less the larger it is
    adversarial: sections.Adversarial = None

    def __post_init__(self):
        sections.check_shares(self)


@dataclass(frozen=True)
class Evaluation:
    fields: int
    field: int
    photons: list
    distances: list
    background: float
    spherical: float
    wavelength: float
    iterations: list


@dataclass(frozen=True, kw_only=True)
class Config(sections.Config):
    optics: Optics
    data: Data
    network: Network
    training: Training
    evaluation: Evaluation
