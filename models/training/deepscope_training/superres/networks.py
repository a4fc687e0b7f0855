"""The super-resolution network: a compact residual U-Net that works at half the grid it reads and writes.

Its first convolution steps by two, because an image brought from 0.65 to 0.325 µm pixels holds a quarter of the
information its pixels could; the last one steps back up. Most of its layers stand on that finest level, where the place of
a point within its pixel is decided. Two outputs: the input plus a correction (Wang et al. 2019 train a U-Net for this task;
the residual makes it do nothing where nothing is known), and the Laplace scale of its error (Weigert et al. 2018; taught by its
intervals instead of the likelihood, `losses.misjudged`). The path to the image has no bias, so brightness times a means output times a (Mohan et al. 2020).
"""

import torch
from torch import nn

from .. import intervals

SCALE_WIDTH = 16
STEM = 8  # taps of the first convolution: wide enough to undo the input's blur linearly
TIMID = 0.1  # corrections begin small: an untrained block passes its input on


def conv(a, b, bias=False):
    return nn.Conv2d(a, b, 3, padding=1, bias=bias)


class Block(nn.Module):
    """x plus two convolutions of it (He et al. 2016, without normalisation as in Lim et al. 2017)."""

    def __init__(self, width, slope):
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width)
        self.activation = nn.LeakyReLU(slope)

    def forward(self, x):
        return x + self.second(self.activation(self.first(x)))


class UNet(nn.Module):
    """(B, 1, Y, X) → (B, 2, Y, X) [image, scale], Y and X multiples of `step`.

    widths: channels on each level, the first at half the input's grid; blocks: residual blocks on each level, on the way down
    and again on the way up (on the coarsest level once).
    """

    def __init__(self, widths, blocks, slope):
        super().__init__()
        self.step = 2 ** len(widths)
        self.blocks = blocks
        self.activation = nn.LeakyReLU(slope)
        first = widths[0]

        def chain(width, count):
            return nn.Sequential(*(Block(width, slope) for _ in range(count)))

        self.stem = nn.Conv2d(1, first, STEM, stride=2, padding=STEM // 2 - 1, bias=False)
        self.encode = nn.ModuleList(chain(w, n) for w, n in zip(widths, blocks))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in zip(widths, widths[1:]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2, bias=False) for a, b in zip(widths, widths[1:]))
        self.decode = nn.ModuleList(chain(w, n) for w, n in zip(widths[:-1], blocks))
        self.image_hidden = conv(first, first)
        self.image = nn.ConvTranspose2d(first, 1, 2, stride=2, bias=False)
        self.scale_hidden = conv(first, SCALE_WIDTH, bias=True)
        self.scale = nn.ConvTranspose2d(SCALE_WIDTH, 1, 2, stride=2)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(module.weight, a=slope, mode="fan_in" if isinstance(module, nn.Conv2d) else "fan_out")
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, Block):
                    module.second.weight.mul_(TIMID)
            self.image.weight.mul_(TIMID)

    def forward(self, x):
        act = self.activation
        h = act(self.stem(x))
        skips = []
        for encode, down in zip(self.encode, self.down):
            h = encode(h)
            skips.append(h)
            h = act(down(h))
        h = self.encode[-1](h)
        for up, decode, skip in reversed(list(zip(self.up, self.decode, skips))):
            h = decode(skip + up(h))
        image = x + self.image(act(self.image_hidden(h)))
        scale = intervals.scale_of(self.scale(act(self.scale_hidden(h))))
        return torch.cat([image, scale], 1)

    def reach(self):
        """Input pixels beyond which a pixel has no influence, rounded up to a multiple of `step`: the halo of a tile."""
        radius = STEM // 2 + 2
        for level, count in enumerate(self.blocks):
            coarsest = level == len(self.blocks) - 1
            radius += 2 ** (level + 1) * (2 * count if coarsest else 4 * count + 1)
        return -(-radius // self.step) * self.step


def build(config):
    return UNet(config.network.widths, config.network.blocks, config.network.slope)
