"""Super-resolution: one modality's image turned into another's (Wang et al. 2019)."""

from .. import losses
from ..adversary import Adversary
from .batches import batch, validation
from .config import Config
from .describe import run as export, test_tensors, to_onnx
from .simulate import maker
from .measure import fresh, retime, run as evaluate
from .networks import build
from .teach import run as watch

IDENTITY = ("name", "network", "optics")


def loss(config, network, tensors, adversary=None):
    """The sum that is minimised and its parts."""
    x, y = tensors
    output = network(x)
    total, parts = losses.loss(output, y, x, config.training, config.optics.target.pixel)
    if adversary:
        term, more = adversary.judge(output[:, :1], y)
        total, parts = total + term, {**parts, **more}
    return total, parts


def critic(config):
    """The discriminator of the last part of training, or None where the configuration has no adversary."""
    wanted = config.training.adversarial
    return Adversary(1, wanted.widths, config.network.slope, wanted.rate, wanted.weight) if wanted else None
