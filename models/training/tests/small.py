"""A configuration small enough for tests, and a scratch folder."""

import dataclasses
import os
import tempfile
from pathlib import Path

from deepscope_training import config as configuration
from deepscope_training.sections import Adversarial

os.environ["DEEPSCOPE_REAL_DATA"] = os.devnull  # simulated structure only: fast, and the same everywhere


def config(**training):
    """widefield-sr with eight fields of 64² target pixels and a tiny network."""
    full = configuration.load("widefield-sr")
    steps = {"batch": 2, "patch": 32, "steps": 8, "validation_fields": 2, "checkpoint_every": 4, "validate_every": 4, "warm_up": 2, "adversarial": None, **training}
    return dataclasses.replace(
        full,
        data=dataclasses.replace(full.data, field=64, fields=8, least=4, depth=[0.3, 1.0]),
        network=dataclasses.replace(full.network, widths=[4, 8], blocks=[1, 1]),
        training=dataclasses.replace(full.training, **steps),
        evaluation=dataclasses.replace(full.evaluation, fields=1, field=64, photons=[500], iterations=[1, 2, 4], beads=dataclasses.replace(full.evaluation.beads, spacing=5.0)),
    )


def config_with(**evaluation):
    full = config()
    return dataclasses.replace(full, evaluation=dataclasses.replace(full.evaluation, **evaluation))


def adversarial():
    """The same with an adversary in the last quarter of its steps."""
    wanted = Adversarial(weight=0.1, begin=0.75, widths=[4], rate=1e-3)
    return config(adversarial=wanted)


def scratch(test):
    """A temporary folder that goes away with the test."""
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    return Path(folder.name)


def silent(_):
    """A report that says nothing."""
