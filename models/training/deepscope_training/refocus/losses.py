"""Training loss: the mean over examples of a concave function (`felt`) of the error relative to the target's own deviation.

Quality is judged in decibels at every exposure and distance. Refocusing raises or lowers the peak of a bead two hundred times, so a plain mean
would be ruled by the few examples whose target is brightest. With a power above 0 an error counts against that of the input, or of a flat picture where the input's is larger.
"""

import torch

from ..losses import NEIGHBOURHOOD, balanced, felt, fitted, gaussian_blur, misjudged


#: How many pixels of ground one of signal counts for when the second head learns: about as many as there are for each, in the pool of each target (26 and 7 % are
#: signal), rather more. The head's part of the loss then has 0.8 and 0.35 of its `scale`, which matters only where it is learned together with the picture.
WORTH = {"widefield": 4, "confocal": 30}


def relative(error, target, floor, least):
    """Two errors of each example, over the target's standard deviation plus `least` of the image: mean absolute and RMS; both (B,)."""
    deviation = target.std((1, 2, 3)) + least
    absolute = error.abs().mean((1, 2, 3)) / deviation
    square = torch.sqrt((error**2).mean((1, 2, 3)) / deviation**2 + floor**2)
    return absolute + floor, square


def unlike(image, target, floor, least):
    """What is left of each example's target (B,) after the linear fit by which a picture is judged (`fitted`), relative and RMS as in `relative`. How much haze lies
    under a section, and so its level, cannot be seen in a normalised image: it must not rule what is learned."""
    return relative(fitted(image, target), target, floor, least)[1]


def easiest(size):
    """The error that anyone can have: the input's own, `size` relative to the target's deviation, or that of a flat picture, 1."""
    return size.clamp(max=1)


def structure_error(error, reference, target, floor, power, least):
    """Mean over examples of what is felt of the absolute error around fine detail of the target, over its deviation there."""
    detail = gaussian_blur((target - gaussian_blur(target, 2.0)).abs(), NEIGHBOURHOOD)
    weight = detail / (detail.sum((1, 2, 3), keepdim=True) + 1e-9)
    middle = (weight * target).sum((1, 2, 3), keepdim=True)
    deviation = torch.sqrt((weight * (target - middle) ** 2).sum((1, 2, 3))) + least
    size, other = ((weight * of.abs()).sum((1, 2, 3)) / deviation + floor for of in (error, reference))
    return felt(size, easiest(other), power).mean()


def loss(config, network, tensors, adversary=None):
    """The sum that is minimised and its parts as numbers. tensors: raw, dpm, target, each (B, 1, Y, X), and above which a pixel of the target is signal, (B, 1, 1, 1).

    error: what is felt of the mean absolute (its share is `absolute`) and of the RMS error, and of the RMS after a linear fit (its share is `fitted`). structure: near fine detail. scale: how
    wrongly the error is told (`misjudged`, `balanced`), in which the image counts as given. The patch's border does not count: what lies beyond is unknown there.
    """
    raw, dpm, target, signal = tensors
    training, edge = config.training, config.training.border
    output, target, given = (v[..., edge : v.shape[-2] - edge, edge : v.shape[-1] - edge] for v in (network(raw, dpm), target, raw))
    image, scale = output[:, :1], output[:, 1:]
    difference, reference = target - image, target - given
    terms = (training.floor, training.least)
    sizes, others = ((*relative(error, target, *terms), unlike(shown, target, *terms)) for error, shown in ((difference, image), (reference, given)))
    shares = (training.absolute, 1 - training.absolute - training.fitted, training.fitted)
    error = sum(share * felt(size, easiest(other), training.power) for share, size, other in zip(shares, sizes, others)).mean()
    structure = structure_error(difference, reference, target, training.floor, training.power, training.least)
    judgement = balanced(misjudged(difference.detach(), scale), target > signal, WORTH[config.data.target])
    total = error + training.structure * structure + training.scale * judgement
    parts = {"error": error, "structure": structure, "scale": judgement, "l1": sizes[0].mean()}
    parts = {name: float(value.detach()) for name, value in parts.items()}
    if adversary:
        unit = target.std((1, 2, 3), keepdim=True) + 1e-3
        term, more = adversary.judge(image / unit, target / unit)
        total, parts = total + term, {**parts, **more}
    return total, parts
