"""What the classical rivals reached, kept on disk: most of an evaluation's time goes into them, and no network changes it.

An answer is found again by what it follows from: the photographs and targets to the last bit, the optics, the settings of the evaluation, the
source of the modules that made it as it was when they were imported, the versions of the libraries, and the kind of processor. Whatever of these is another asks anew.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import scipy
import torch

UNCONCERNED = ("fields", "families", "blur")  # settings of an evaluation that say which photographs there are, not what becomes of one

place = {"folder": None}


def keep(folder):
    """Remember in `folder` from now on; None: nowhere."""
    place["folder"] = folder and Path(folder)


def by(*modules):
    """Decorate a function of (config, tensors, lists and plain values) whose answer, plain JSON, follows from these and from the source of `modules`."""

    source = [torch.__version__, np.__version__, scipy.__version__, *(digest(Path(module.__file__).read_text(encoding="utf-8")) for module in modules)]

    def decorate(function):
        @functools.wraps(function)
        def remembered(config, *given):
            if place["folder"] is None:
                return function(config, *given)
            path = place["folder"] / f"{digest(function.__name__, source, torch.cuda.is_available(), settings(config), *given)}.json"
            known = read(path)
            if known is None:
                known = function(config, *given)
                write(path, known)
            return known

        return remembered

    return decorate


def read(path):
    """The answer in `path`, or None where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write(path, known):
    """Keep an answer; where that fails, say so once and go on without a memory: the answer itself is there."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        print(f"What the classical methods reached cannot be kept in {path.parent} ({error.strerror}); the evaluation goes on without.", file=sys.stderr)
        keep(None)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def settings(config):
    evaluation = dataclasses.asdict(config.evaluation)
    return {"optics": dataclasses.asdict(config.optics), "evaluation": {k: v for k, v in evaluation.items() if k not in UNCONCERNED}}


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
