"""Several processes that share every batch: each takes its part, gradients are averaged, all stay alike."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import distributed


class Crew:
    """One member's view: its `rank` (0 leads, writes and reports) among `size` processes that meet through a file in `folder`."""

    def __init__(self, rank=0, size=1, folder=None):
        self.rank, self.size = rank, size
        if size > 1:
            distributed.init_process_group("gloo", init_method=f"file://{Path(folder).resolve()}/crew", rank=rank, world_size=size)

    def agree(self, *numbers):
        """The leader's numbers, on every member."""
        if self.size == 1:
            return numbers
        told = torch.tensor(numbers, dtype=torch.float64)
        distributed.broadcast(told, 0)
        return told.tolist()

    def average(self, network):
        """Replace every gradient by its mean over the members."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters()]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
            gradient.copy_(part.view_as(gradient))

    def leave(self):
        if self.size > 1:
            distributed.destroy_process_group()


def start(size, stages, arguments):
    """Start members 1…size-1 of a crew as processes of the same command line; the caller becomes the leader. They meet once in the folder of every
    stage of the training, one after the other."""
    for folder in stages:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "crew").unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "deepscope_training", "train", *arguments, "--workers", str(size)]
    return [subprocess.Popen([*command, "--rank", str(rank)], env=environment, stdin=subprocess.DEVNULL, start_new_session=True) for rank in range(1, size)]
