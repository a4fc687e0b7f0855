"""Files put in place whole, and what PyTorch keeps in them, read with a sentence where it is damaged."""

import os
from pathlib import Path

import torch

from .errors import TrainingError, writing


def put(path, write):
    """Let `write(part)` make a file beside `path`, then rename it into place."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(str(part))
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save(path, state):
    """Write `state` to `path`: an interruption or a full disk leaves the old file whole."""

    def write(part):
        try:
            torch.save(state, part)
        except RuntimeError as error:  # PyTorch's own writer reports a full disk so
            raise TrainingError(f"{path} could not be written; is the disk full? Nothing existing was changed.") from error

    put(path, write)


def load(path, what, needed):
    """The dictionary that `save` wrote; `what` it is, for sentences, and keys that it must have, else it is no such file."""
    try:
        state = torch.load(path, map_location="cpu")
    except Exception as error:  # whatever unpickling a damaged file raises
        raise TrainingError(f"The {what} {path} is damaged and cannot be read; move it away to begin anew.") from error
    if not isinstance(state, dict) or any(key not in state for key in needed):
        raise TrainingError(f"{path} is not a {what} of this program; it was left as it is.")
    return state
