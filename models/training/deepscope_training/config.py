"""Configuration: one YAML file per network, read into frozen dataclasses. Unknown and missing keys are refused by name."""

import dataclasses
import typing
from pathlib import Path

from . import kinds
from .errors import TrainingError

CONFIGS = Path(__file__).parent / "configs"
PACKAGES = Path(__file__).resolve().parents[2]


def build(kind, values, where):
    """A dataclass of `kind` from a mapping; `where` names the place in error sentences. Fields with a default may be left out."""
    if not isinstance(values, dict):
        raise TrainingError(f"{where} must be a mapping of names to values.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    needed = {n for n, f in fields.items() if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING}
    for problem, names in (("does not know the key", values.keys() - fields.keys()), ("lacks the key", needed - values.keys())):
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


def read(path):
    """What a YAML file says."""
    import yaml

    if not path.is_file():
        raise TrainingError(f"There is no configuration {path.name}; known packages: {', '.join(names())}.")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TrainingError(f"{path.name} is not valid YAML: {str(error).splitlines()[0]}.") from error


def described(path, *above):
    """What a YAML file says, laid over what the configuration says that it names as its `base`, section by section. above: files that name it so."""
    if path in above:
        raise TrainingError(f"{path.name} is the base of itself; one of {', '.join(p.name for p in above)} must name another.")
    values = read(path)
    if not isinstance(values, dict) or "base" not in values:
        return values
    base = described(CONFIGS / f"{Path(str(values.pop('base'))).name}.yaml", *above, path)
    return {**base, **{k: {**base.get(k, {}), **v} if isinstance(v, dict) else v for k, v in values.items()}}


def load(name_or_path):
    """The configuration of a package by its name (`widefield-sr`, `large/widefield-sr`), or from a YAML file."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = CONFIGS / f"{name_or_path}.yaml"
    values = described(path)
    kind = values.get("kind") if isinstance(values, dict) else None
    if kind not in kinds.KINDS:
        raise TrainingError(f"{path.name}: kind must be one of {', '.join(kinds.KINDS)}, not {kind!r}.")
    made = build(kinds.named(kind).Config, values, path.name)
    if made.camera.alone and kind != "superres":
        raise TrainingError(f"{path.name}: networks of the kind {kind} have no use for camera.alone; leave it out.")
    return made


def names():
    """Every package that has a configuration."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def same(config, section, saved):
    """Whether a section saved in a checkpoint says what `config` says; what an older program did not know counts as left out."""
    here = getattr(config, section)
    if dataclasses.is_dataclass(here):
        try:
            saved = build(type(here), saved, section)
        except TrainingError:
            return False
    return saved == here


def as_dict(config):
    return dataclasses.asdict(config)
