"""Batches made ahead of the training step: by a thread beside it, or, where a GPU waits, by processes on all other cores."""

import multiprocessing
import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import torch

from . import kinds, pool

state = {}  # of a process that makes batches


def begin(config, folder):
    torch.set_num_threads(1)
    state.update(config=config, fields=pool.Pool(folder))


def make(first, count, number, rank, size):
    return kinds.of(state["config"]).batch(state["config"], state["fields"], first, count, number, rank, size)


def others():
    """How many processes to set to work beside a GPU; 0 where there is none or the cores are few."""
    cores = len(os.sched_getaffinity(0))
    return cores - 2 if torch.cuda.is_available() and cores > 4 else 0


class Feeder:
    """`take(number, count)` gives batch `number`, drawn from the pool's fields first…count-1, and has the next ones begun. Numbers must follow one another."""

    def __init__(self, config, folder, fields, first, rank=0, size=1, processes=None):
        processes = others() if processes is None else processes
        self.first, self.share = first, (rank, size)
        self.ahead = 2 * processes if processes else 1
        if processes:
            self.crew = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), begin, (config, folder))
            self.work = make
        else:
            self.crew = ThreadPoolExecutor(1)
            self.work = lambda *a: kinds.of(config).batch(config, fields, *a)
        self.waiting = deque()

    def take(self, number, count):
        if not self.waiting:
            self.next = number
        while len(self.waiting) <= self.ahead:
            self.waiting.append(self.crew.submit(self.work, self.first, count, self.next, *self.share))
            self.next += 1
        return self.waiting.popleft().result()

    def end(self):
        self.crew.shutdown(cancel_futures=True)
