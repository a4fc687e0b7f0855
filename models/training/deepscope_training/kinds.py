"""The kinds of network that the factory makes. Each is a sub-package that offers, under these names:

Config        its configuration, a frozen dataclass with at least name, kind, seed; data.fields (fields of the pool) and data.least (training begins
              when so many are there); training.batch, steps, rate, warm_up, checkpoint_every, validate_every, validation_fields
IDENTITY      the sections that a checkpoint must share with the configuration
maker         (config) → make(index) → one field of the pool, a dictionary of arrays, always the same for a seed and an index
build         (config) → the network
batch         (config, fields, first, last, number, rank, size) → tensors, drawn from fields first…last-1 by the seed and the number alone
validation    (config, fields) → the fixed tensors that are judged during training, from the pool's first fields
loss          (config, network, batch, adversary) → the sum to minimise, and its parts as numbers; 'error' is what is reported. Where a second head judges
              the picture, its part is 'scale', training.scale its weight, and its parameters are those whose names begin so
critic        (config) → an adversary.Adversary, or None
export        (config, work, pool, out, report): write the package
evaluate      (config, work, out, report): measure what was trained in work; without it (None) the package in out, which localization refuses
fresh         (config, network, count, first) → its answers to fresh specimens of the training's families, with the error that it expects: {photons: [(image, scale, target,
              unit of the network in those of the input)]}; kinds without a second head lack it, and what a package is written with anew (`widen`):
test_tensors  (config, network) → {file name: tensor}, the package's test tensors
to_onnx       (network, path): write the network
card          a module whose write(config, result, out) makes the card of what metrics.json holds
retime        (config, out, report): measure only its speed anew, on a quiet machine
watch         (config, work, pool, out, report, steps, initial, precision, wider, blur): teach the package's lookout; kinds without one lack it
"""

import importlib

KINDS = ("superres", "refocus", "localization")


def of(config):
    """The sub-package that makes networks of this configuration."""
    return named(config.kind)


def named(kind):
    return importlib.import_module(f"{__package__}.{kind}")


def available():
    """The kinds whose code is here."""
    return [k for k in KINDS if importlib.util.find_spec(f"{__package__}.{k}")]
