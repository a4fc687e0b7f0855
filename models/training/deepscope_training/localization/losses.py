"""What a network of protein location minimises."""

import torch
from torch.nn import functional as F


def loss(config, network, tensors, adversary=None):
    """Cross-entropy of known places, and for what is none of them that of the uniform answer (outlier exposure, Hendrycks et al. 2019).

    Returns the sum and its parts: `error` is the cross-entropy, `wrong` the fraction of known images named wrongly.
    """
    x, labels = tensors
    logits = F.log_softmax(network(x)[0], 1)
    known = labels >= 0
    count, others = known.sum().clamp(min=1), (~known).sum().clamp(min=1)
    picked = logits.gather(1, labels.clamp(min=0)[:, None])[:, 0]
    error = -(picked * known).sum() / count
    spread = -(logits.mean(1) * ~known).sum() / others
    wrong = ((logits.argmax(1) != labels) & known).sum() / count
    total = error + config.training.uniform * spread
    return total, {"error": float(error.detach()), "uniform": float(spread.detach()), "wrong": float(wrong)}
