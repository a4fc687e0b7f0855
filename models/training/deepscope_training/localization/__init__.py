"""Protein location in cells by a two-path network (Tahir, Anwar & Mian 2019, arXiv 1910.04287)."""

from .batches import batch, validation
from .config import Config
from .export import run as export
from .losses import loss
from .measure import retime, run as evaluate
from .networks import build
from .simulate import maker

IDENTITY = ("name", "network", "normalisation")


def critic(config):
    return None
