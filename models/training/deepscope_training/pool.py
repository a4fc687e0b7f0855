"""The pool: noise-free fields, simulated once, kept on disk, and photographed anew in every batch.

A field is one .npz of what its kind's `maker` gives. Field i of a seed is always the same, so a pool can be made by several
processes and resumed.
"""

import os
from pathlib import Path

import numpy as np

from . import kinds, real
from .errors import TrainingError, writing


def path_of(folder, index):
    return Path(folder) / f"{index:06d}.npz"


def fill(config, folder, start=0, every=1, count=None, report=print):
    """Make the fields that are still missing among start, start+every, … below `count`. Interrupt and repeat at will."""
    folder = Path(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    make = None
    for index in range(start, count or config.data.fields, every):
        path = path_of(folder, index)
        if path.exists():
            continue
        if make is None:
            make = kinds.of(config).maker(config)
            if not real.folder():
                report("No real images found (DEEPSCOPE_REAL_DATA); the pool is made of simulated structure only.")
        made = make(index)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            with writing(path), open(part, "wb") as stream:
                np.savez(stream, **made)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)


def available(folder, limit):
    """How many fields 0, 1, 2, … are there without a gap."""
    count = 0
    while count < limit and path_of(folder, count).exists():
        count += 1
    return count


def counted(folder, limit):
    """The same, refused with a sentence where there are none: the guard's statistics are those of the fields that a network learned from."""
    count = available(folder, limit)
    if not count:
        raise TrainingError(f"There is no pool in {folder}; name the one that the network learned from with --pool.")
    return count


class Pool:
    """Fields of a folder, read when first wanted and kept in memory: `pool[index]` is what the maker gave, as numpy arrays."""

    def __init__(self, folder):
        self.folder, self.kept, self.families = Path(folder), {}, {}

    def family(self, index):
        """The main family of a field, without reading the rest of it."""
        if index not in self.families:
            with np.load(path_of(self.folder, index)) as file:
                self.families[index] = str(file["family"])
        return self.families[index]

    def __getitem__(self, index):
        if index not in self.kept:
            path = path_of(self.folder, index)
            try:
                with np.load(path) as file:
                    self.kept[index] = {name: file[name] for name in file.files}
            except (OSError, ValueError, KeyError, EOFError) as error:
                raise TrainingError(f"Field {path.name} of the pool cannot be read; delete it and it will be made again.") from error
        return self.kept[index]
