"""Sections of a configuration that several kinds of network share."""

from dataclasses import dataclass


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
