"""Training loss: the mean over examples of a concave function of the error, relative to the error that the input itself has.

Quality is judged in decibels at every exposure. A plain mean is ruled by the noisiest examples, whose errors are ten times those of
a bright image, and the network then blurs what it could have kept; relative to the input's own error each example counts alike. The function is that of Box &
Cox (1964), (r^power - 1) / power, the logarithm at a power of 0. The logarithm rewards whoever decides: where one input may have come from two specimens, being
very right about one pays for being wrong about the other. The higher the power, the more it costs to be further from the truth than the input was.
"""

import functools
import math

import torch

from .intervals import INTERVALS

FLOOR = 3e-4  # of the normalised image: errors below are good enough
FLATTEST = 0.02  # of the normalised image: the least range that structural similarity is relative to
SMALLEST = 1e-6  # of the normalised image: errors below have no logarithm worth telling
WORTH = 4  # how many pixels of ground one of signal counts for
NEIGHBOURHOOD = 3.0  # pixels around fine detail that count as structure


@functools.lru_cache(maxsize=32)
def blurring(size, sigma, device):
    """The matrix (size, size) that blurs a row by a Gaussian of `sigma` pixels, edges continued. PyTorch's convolutions of a single channel take fifty times as long on a CPU."""
    reach = math.ceil(3 * sigma)
    offsets = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    rows = torch.arange(size)[:, None].expand(-1, len(offsets))
    columns = (rows + offsets).clamp(0, size - 1)
    matrix = torch.zeros(size, size).index_put_((rows, columns), (kernel / kernel.sum()).expand(size, -1), accumulate=True)
    return matrix.to(device)


def gaussian_blur(image, sigma):
    """Blur (B, 1, Y, X) by a Gaussian of `sigma` pixels, edges continued."""
    down, across = (blurring(size, float(sigma), image.device) for size in image.shape[-2:])
    return down.to(image.dtype) @ image @ across.to(image.dtype).T


def felt(error, reference, power):
    """Box & Cox's function of errors over the reference's, each (B,); at a power of 0 the logarithm of the error, as the reference only adds a constant."""
    return torch.log(error) if power == 0 else ((error / reference) ** power - 1) / power


def rms(error):
    """Root of the mean square of each example (B,), with FLOOR as one more error."""
    return torch.sqrt((error**2).mean((1, 2, 3)) + FLOOR**2)


def mixed(terms, power):
    """Mean over examples of what is felt of several sizes of error; terms: (share, size, that of the reference), sizes (B,). One whose share is 0 is skipped."""
    return sum(share * felt(size, other, power) for share, size, other in terms if share).mean()


def sizes(error, reference, absolute, rest):
    """Terms (`mixed`) of errors (B, 1, Y, X): the mean absolute error with the share `absolute`, and the RMS with the share `rest`. The absolute error asks for the median of what may be there, the RMS for its mean."""
    return [(absolute, *(of.abs().mean((1, 2, 3)) + FLOOR for of in (error, reference))), (rest, rms(error), rms(reference))]


def fitted(image, target):
    """What is left of each target (B, 1, Y, X) after the least-squares linear fit of the image to it, of the same shape: the fit by which pictures are judged (`metrics.compare`, there without a border)."""
    shown, wanted = (v - v.mean((1, 2, 3), keepdim=True) for v in (image, target))
    slope = (shown * wanted).mean((1, 2, 3), keepdim=True) / ((shown**2).mean((1, 2, 3), keepdim=True) + 1e-9)
    return wanted - slope * shown


def structure_error(error, reference, target, power, absolute):
    """Mean over examples of what is felt of errors (B, 1, Y, X) around fine detail of the target: a few beads on an empty ground count as much as a full field. The share
    `absolute` is the mean absolute error, the rest the RMS. Neighbourhoods are weighted, not pixels, which would reward guessing too bright."""
    detail = gaussian_blur((target - gaussian_blur(target, 2.0)).abs(), NEIGHBOURHOOD)
    weight = detail / (detail.sum((1, 2, 3), keepdim=True) + FLOOR)
    plain = ((weight * of.abs()).sum((1, 2, 3)) + FLOOR for of in (error, reference))
    square = (torch.sqrt((weight * of**2).sum((1, 2, 3)) + FLOOR**2) for of in (error, reference))
    return mixed([(absolute, *plain), (1 - absolute, *square)], power)


def dissimilarity(image, target):
    """1 less the structural similarity of images (B, 1, Y, X), mean over pixels and examples: the definition of `metrics.ssim`, edges left out, the range being that of the target."""
    span = (target.amax((1, 2, 3), keepdim=True) - target.amin((1, 2, 3), keepdim=True)).clamp(min=FLATTEST)
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    x, y, xx, yy, xy = gaussian_blur(torch.cat([image, target, image * image, target * target, image * target]), 1.5).chunk(5)
    variances = (xx - x * x).clamp(min=0) + (yy - y * y).clamp(min=0)
    similarity = (2 * x * y + c1) * (2 * (xy - x * y) + c2) / ((x * x + y * y + c1) * (variances + c2))
    return 1 - similarity[..., 5:-5, 5:-5].mean()


def balanced(values, signal, worth=WORTH):
    """Mean of values (B, 1, Y, X), in which a pixel of `signal` (bool) counts `worth` times as much as one of ground: most are ground, and an error learned from them
    alone is too small where it matters. Every pixel of signal counts alike, whichever picture it lies in."""
    return (values * torch.where(signal, worth**0.5, worth**-0.5)).mean()


def misjudged(error, scale):
    """How wrongly `scale` tells the size of errors, of the same shape: the mean over INTERVALS of the quantile loss (Koenker & Bassett 1978) of the logarithm of the error's
    size, whose quantiles shall be those of a Laplace distribution. Of errors of any distribution it is least where the shares inside the three intervals have the mean that
    they should have, 75 %; each alone is right only if the distribution is Laplace's. The likelihood's optimum is the mean absolute error, which a few large ones rule."""
    excess = torch.log(error.abs() + SMALLEST) - torch.log(scale)
    return sum(_quantile(excess - math.log(-math.log(1 - share)), share) for share in INTERVALS) / len(INTERVALS)


def _quantile(excess, share):
    return torch.maximum(share * excess, (share - 1) * excess)


def loss(output, target, given, training, pixel):
    """The sum that is minimised and its parts as numbers. `output` (B, 2, Y, X), `target` and `given`, the input, (B, 1, Y, X), `pixel` in µm.

    error: of the whole picture; its shares are `absolute`, `fitted` (the RMS of what a linear fit leaves, against what it leaves of the input: of a flat target it tells nothing) and, the rest, the RMS.
    consistency: after a blur to what both objectives resolve, never fitted; `absolute` of it, the rest the RMS. structure: near fine detail. ssim: dissimilarity. scale: how wrongly the error is told (`misjudged`,
    `balanced`), in which the image counts as given (the second head learns to judge, not to please). `l1`, the plain absolute error, is only reported.
    """
    image, scale = output[:, :1], output[:, 1:]
    difference, reference, power = target - image, target - given, training.power
    terms = sizes(difference, reference, training.absolute, 1 - training.absolute - training.fitted)
    if training.fitted:
        terms.append((training.fitted, rms(fitted(image, target)), rms(fitted(given, target))))
    error = mixed(terms, power)
    coarse, coarse_reference = (gaussian_blur(of, training.consistency_sigma / pixel) for of in (difference, reference))
    consistency = mixed(sizes(coarse, coarse_reference, training.absolute, 1 - training.absolute), power)
    structure = structure_error(difference, reference, target, power, training.structure_absolute)
    low, high = (of((1, 2, 3), keepdim=True) for of in (target.amin, target.amax))
    judgement = balanced(misjudged(difference.detach(), scale), target > low + 0.1 * (high - low))
    total = training.error * error + training.structure * structure
    total = total + training.consistency * consistency + training.scale * judgement
    parts = {"error": error, "structure": structure, "consistency": consistency, "scale": judgement, "l1": difference.abs().mean()}
    if training.ssim:
        parts["ssim"] = dissimilarity(image, target)
        total = total + training.ssim * parts["ssim"]
    return total, {name: float(value.detach()) for name, value in parts.items()}
