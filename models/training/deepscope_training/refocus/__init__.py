"""Refocusing: one image and a map of distances turned into the image at that surface (Wu et al. 2019)."""

from ..adversary import Adversary
from .batches import batch, validation
from .config import Config
from .describe import run as export, test_tensors, to_onnx
from .fields import maker
from .losses import loss
from .measure import fresh, retime, run as evaluate
from .networks import build

IDENTITY = ("name", "network", "optics")


def critic(config):
    """The discriminator of the last part of training, or None where the configuration has no adversary."""
    wanted = config.training.adversarial
    return Adversary(1, wanted.widths, config.network.slope, wanted.rate, wanted.weight) if wanted else None
