"""What the classical rivals reached, kept on disk: most of an evaluation's time goes into them, and no network changes it.

An answer is found again by what it follows from: the photographs and targets to the last bit, the optics, the settings of the evaluation and the
source of the modules that made it. Whatever of these is another asks anew. An interrupted evaluation so goes on where it was.
"""

import dataclasses
import functools
import hashlib
import json
from pathlib import Path

import torch

from .package import put

UNCONCERNED = ("fields", "families")  # settings of an evaluation that say which photographs there are, not what becomes of one

place = {"folder": None}


def keep(folder):
    """Remember in `folder` from now on; None: nowhere."""
    place["folder"] = folder and Path(folder)


def by(*modules):
    """Decorate a function of (config, tensors, lists and plain values) whose answer, plain JSON, follows from these and from the source of `modules`."""

    def decorate(function):
        @functools.wraps(function)
        def remembered(config, *given):
            if place["folder"] is None:
                return function(config, *given)
            path = place["folder"] / f"{digest(function.__name__, sources(modules), settings(config), *given)}.json"
            known = read(path)
            if known is None:
                known = function(config, *given)
                put(path, lambda part: Path(part).write_text(json.dumps(known), encoding="utf-8"))
            return known

        return remembered

    return decorate


def read(path):
    """The answer in `path`, or None where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def settings(config):
    evaluation = dataclasses.asdict(config.evaluation)
    return {"optics": dataclasses.asdict(config.optics), "evaluation": {k: v for k, v in evaluation.items() if k not in UNCONCERNED}}


@functools.lru_cache(maxsize=8)
def sources(modules):
    return [torch.__version__, *(digest(Path(module.__file__).read_text(encoding="utf-8")) for module in modules)]


def digest(*given):
    """SHA-256 of plain values, tensors and lists of them."""
    found = hashlib.sha256()

    def add(value):
        if isinstance(value, torch.Tensor):
            add([str(value.dtype), *value.shape])
            found.update(value.contiguous().cpu().numpy().tobytes())
        elif isinstance(value, (list, tuple)) and any(isinstance(v, (torch.Tensor, list, tuple)) for v in value):
            add(len(value))
            for v in value:
                add(v)
        else:
            found.update(json.dumps(value, sort_keys=True).encode() + b"\0")

    add(list(given))
    return found.hexdigest()
