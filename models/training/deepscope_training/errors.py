"""The one exception of this package: its text is a whole sentence for the person who started the command."""

import contextlib
import errno
import fcntl
import importlib


class TrainingError(Exception):
    """Something the user can act on. The message says what happened and what to do next."""


def library(name):
    """The library `name`, which only packages need."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise TrainingError(f"Packages are read and written with {name}, which is not installed; on Debian: sudo apt install python3-{name}.") from error


@contextlib.contextmanager
def writing(path):
    """Turn the operating system's refusal to write `path` into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TrainingError(f"The disk is full: {path} could not be written. Free some space; nothing existing was changed.") from error
        raise TrainingError(f"{path} could not be written ({error.strerror}).") from error


def only_one(folder):
    """Hold `folder` for this process until it ends or the returned file is closed; a second training there is refused."""
    path = folder / "lock"
    with writing(path):
        lock = open(path, "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise TrainingError(f"Another training is running in {folder}; wait for it, or choose another folder with --work.") from error
    return lock
