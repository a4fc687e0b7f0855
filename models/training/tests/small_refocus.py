"""A configuration of the kind `refocus` small enough for tests."""

import dataclasses

from deepscope_training import config as configuration

from . import small  # noqa: F401  (simulated structure only)


def config(dpm="early", target="widefield", **training):
    """deep-z with fields of 48² pixels, a shallow specimen and a tiny network."""
    full = configuration.load("deep-z")
    steps = {"batch": 2, "patch": 32, "border": 2, "steps": 4, "validation_fields": 1, "checkpoint_every": 2, "validate_every": 2, "warm_up": 2, **training}
    return dataclasses.replace(
        full,
        data=dataclasses.replace(full.data, field=48, depth=2.0, inner=1.0, reach=2.0, inputs=2, targets=2, fields=3, least=2, target=target),
        network=dataclasses.replace(full.network, dpm=dpm, widths=[4, 6], down=[1, 1], up=[1], features=4),
        training=dataclasses.replace(full.training, **steps),
        evaluation=dataclasses.replace(full.evaluation, fields=1, field=48, photons=[1000], distances=[0, 2], iterations=[1, 3]),
    )
