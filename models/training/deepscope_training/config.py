"""Configuration: one YAML file per network, read into frozen dataclasses. Unknown and missing keys are refused by name."""

import dataclasses
import typing
from dataclasses import dataclass
from pathlib import Path

from .errors import TrainingError
from .optics import Objective

CONFIGS = Path(__file__).parent / "configs"
PACKAGES = Path(__file__).resolve().parents[2]


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
    seed: int
    optics: Optics
    camera: Camera
    data: Data
    normalisation: Normalisation
    network: Network
    training: Training
    evaluation: Evaluation


def build(kind, values, where):
    """A dataclass of `kind` from a mapping; `where` names the place in error sentences."""
    if not isinstance(values, dict):
        raise TrainingError(f"{where} must be a mapping of names to values.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for problem, names in (("does not know the key", values.keys() - fields.keys()), ("lacks the key", fields.keys() - values.keys())):
        if names:
            raise TrainingError(f"{where} {problem} {', '.join(sorted(map(str, names)))}; known keys: {', '.join(fields)}.")
    hints, made = typing.get_type_hints(kind), {}
    for name, value in values.items():
        wanted = hints[name]
        if dataclasses.is_dataclass(wanted):
            made[name] = build(wanted, value, f"{where}, section {name},")
            continue
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise TrainingError(f"{where}: {name} must be of type {wanted.__name__}, not {value!r}.")
        made[name] = value
    return kind(**made)


def load(name_or_path):
    """The configuration of a package by its name (`widefield-sr`), or from a YAML file."""
    import yaml

    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = CONFIGS / f"{name_or_path}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
        raise TrainingError(f"There is no configuration {path.name}; known packages: {known}.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TrainingError(f"{path.name} is not valid YAML: {str(error).splitlines()[0]}.") from error
    return build(Config, values, path.name)


def as_dict(config):
    return dataclasses.asdict(config)
