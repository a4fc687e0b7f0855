"""PLCNN (Tahir, Anwar & Mian 2019): a residual and a plain path that exchange their maps, and a direct one.

From the published drawing: the three paths; convolution, normalisation, rectifier and pooling, then blocks R_s R_l R_l R_l on the residual path; P_s P_s P_l P_l P_l
on the plain one; their concatenation after each of the first three stages, of which each path takes the joint map through its own convolution and
rectifier; the concatenation of all three before one fully connected layer. Not published, and chosen here: channels, 3 × 3 kernels, normalisation on the
plain path and in the exchanges too (the drawing has it on the residual path only), pixels averaged in twos before both paths instead of pooling after
the last two stages (a quarter of the time, and still finer than a cell's parts), the direct path (one 5 × 5 convolution, rectified and averaged), and
the global mean, as a share of all maps, before the last layer, which makes class activation maps exact (Zhou et al. 2016).
"""

import torch
from torch import nn
from torch.nn import functional as F

from .organelles import NAMES

WAYS = 8  # orientations in which an image is asked about
STEP = 16  # input pixels along one place of the last maps
FAINT = 1e-3  # keeps an empty image's share finite


def conv(inputs, outputs, rectified=True):
    layers = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU()] if rectified else []))


class Unit(nn.Module):
    """A residual unit: convolution, normalisation, rectifier, convolution, normalisation, and the identity."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(conv(width, width), conv(width, width, rectified=False))

    def forward(self, x):
        return F.relu(x + self.inner(x))


class Network(nn.Module):
    """(B, 1, Y, X) normalised images, Y and X multiples of 16, → class evidence (B, classes, Y/16, X/16) and features (B, D, Y/16, X/16)."""

    def __init__(self, settings, classes):
        super().__init__()
        a, b, c, d, e = settings.widths
        residual = [conv(1, a), nn.Sequential(Unit(b), Unit(b)), *(nn.Sequential(Unit(u), conv(u, v), Unit(v)) for u, v in ((c, c), (d, d), (d, e)))]
        plain = [self.plain(u, v, n) for u, v, n in ((1, a, 2), (b, b, 2), (c, c, 3), (d, d, 3), (d, e, 3))]
        self.residual, self.plain_path = nn.ModuleList(residual), nn.ModuleList(plain)
        self.joint = nn.ModuleList(nn.ModuleList([conv(2 * u, v), conv(2 * u, v)]) for u, v in ((a, b), (b, c), (c, d)))
        self.direct = nn.Sequential(nn.Conv2d(1, settings.direct, 5, stride=2, padding=2), nn.ReLU(), nn.AvgPool2d(STEP // 2))
        self.scale = nn.BatchNorm1d(2 * e + settings.direct, momentum=0.05)
        self.last = nn.Linear(2 * e + settings.direct, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    @staticmethod
    def plain(inputs, outputs, count):
        return nn.Sequential(*(conv(inputs if i == 0 else outputs, outputs) for i in range(count)))

    def features(self, x):
        """The last maps of the three paths, (B, D, Y/16, X/16), before their scale."""
        r = p = F.avg_pool2d(x, 2)
        for stage, (left, right) in enumerate(zip(self.residual, self.plain_path)):
            r, p = left(r), right(p)
            if stage < 3:
                r, p = F.max_pool2d(r, 2), F.max_pool2d(p, 2)
                both = torch.cat([r, p], 1)
                r, p = self.joint[stage][0](both), self.joint[stage][1](both)
        return torch.cat([r, p, self.direct(x)], 1)

    def scaled(self, features):
        """The maps as shares of all that the image's maps hold together, so that a small cell is worth as much as a field full of them; then each with the mean
        and deviation that its means have over training images taken to 0 and 1.

        The running figures are used while training as well: those of a batch of sixteen would be noise in every answer.
        """
        features = features.float()  # its convolutions may have computed with less
        features = features / (features.mean((1, 2, 3), keepdim=True) + FAINT)
        norm = self.scale
        if self.training:
            with torch.no_grad():
                means = features.mean((2, 3))
                norm.running_mean.lerp_(means.mean(0), norm.momentum)
                norm.running_var.lerp_(means.var(0), norm.momentum)
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return features * gain[:, None, None] + (norm.bias - norm.running_mean * gain)[:, None, None]

    def evidence(self, scaled):
        """Class activation maps (B, classes, Y/16, X/16) of scaled maps, whose means over the places are the logits."""
        return F.conv2d(scaled, self.last.weight[:, :, None, None], self.last.bias)

    def forward(self, x):
        """Logits (B, classes) and the embedding (B, D)."""
        embedding = self.scaled(self.features(x)).mean((2, 3))
        return self.last(embedding), embedding


class EveryWay(nn.Module):
    """The mean opinion of a network of an image as it is, mirrored and turned by quarters: which way a camera was mounted says nothing about a protein, and eight answers err less than one."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        """(B, 1, Y, X) → logits (B, classes), embedding (B, D), and class activation maps (B, classes, Y/16, X/16), whose means over the places are the logits."""
        maps, embeddings = 0, 0
        for swapped in (False, True):
            for over_y, over_x in ((False, False), (False, True), (True, False), (True, True)):
                turn = [axis for axis, on in ((2, over_y), (3, over_x)) if on]
                seen = x.flip(turn) if turn else x
                features = self.network.scaled(self.network.features(seen.transpose(2, 3) if swapped else seen))
                given = self.network.evidence(features)
                given = given.transpose(2, 3) if swapped else given
                maps = maps + (given.flip(turn) if turn else given) / WAYS
                embeddings = embeddings + features.mean((2, 3)) / WAYS
        return maps.mean((2, 3)), embeddings, maps


def build(config):
    return Network(config.network, len(NAMES))
