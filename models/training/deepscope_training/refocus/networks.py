"""The refocusing network: a compact residual U-Net at half the grid it reads and writes, steered by the distance to the wanted surface.

Wu et al. 2019 append the map of distances (DPM) to the image as a channel. Here it multiplies: at every block a gain for each channel is made from
the distance at that place (Perez et al. 2018), so that one set of filters serves all distances, and the path to the image keeps no bias:
brightness times a means output times a (Mohan et al. 2020). `early`: every block is steered. `late`: only the blocks on the way up are, so that
planes of one image share its encoding. A second head gives the Laplace scale of the error (Weigert et al. 2018; taught
by its intervals instead of the likelihood, `losses.misjudged`).
"""

import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from .. import intervals
from ..errors import TrainingError

SCALE_WIDTH = 16
STEM = 8  # taps of the first convolution, which steps by two
TIMID = 0.1  # corrections begin small: an untrained block passes its input on
MODES = ("early", "late")


def conv(a, b, bias=False):
    return nn.Conv2d(a, b, 3, padding=1, bias=bias)


class Block(nn.Module):
    """x plus two convolutions of it (He et al. 2016); between them, where the block is steered, gains made of the distance."""

    def __init__(self, width, slope, features):
        super().__init__()
        self.width = width
        self.first, self.second = conv(width, width), conv(width, width)
        self.activation = nn.LeakyReLU(slope)
        self.gains = nn.Conv2d(features, 2 * width, 1) if features else None

    def forward(self, x, distance):
        if self.gains is None:
            return x + self.second(self.activation(self.first(x)))
        gains = 1 + self.gains(distance)
        before, after = gains[:, : self.width], gains[:, self.width :]  # `chunk` would ask the graph for its shape
        return x + self.second(self.activation(self.first(x * before) * after))


class Distance(nn.Module):
    """(B, 1, Y, X) distances in units of ten µm → (B, features, Y, X): a smooth curve of the distance for each feature."""

    def __init__(self, features, slope):
        super().__init__()
        self.knots = nn.Conv2d(1, 2 * features, 1)
        self.mix = nn.Conv2d(2 * features, features, 1)
        self.activation = nn.LeakyReLU(slope)
        with torch.no_grad():
            places = torch.linspace(-1, 1, features)
            self.knots.weight.copy_(torch.cat([4 + 0 * places, -4 + 0 * places]).view(-1, 1, 1, 1))
            self.knots.bias.copy_(torch.cat([-4 * places, 4 * places]))

    def forward(self, dpm):
        return torch.tanh(self.mix(self.activation(self.knots(dpm))))


class UNet(nn.Module):
    """raw (B, 1, Y, X) and dpm (B, 1, Y, X) or (B, 1, 1, 1) in µm / 10 → (B, 2, Y, X) [image, scale]; Y and X multiples of `step`.

    Either batch may be 1 and is then shared. widths: channels on each level, the first at half the input's grid; down, up: residual blocks on each
    level, on the way down (the coarsest last) and on the way up.
    """

    def __init__(self, dpm, widths, down, up, features, slope):
        super().__init__()
        if dpm not in MODES:
            raise TrainingError(f"network.dpm must be one of {', '.join(MODES)}, not {dpm}.")
        self.step, self.down_blocks, self.up_blocks, self.early = 2 ** len(widths), down, up, dpm == "early"
        self.activation = nn.LeakyReLU(slope)
        first, early = widths[0], features if self.early else 0

        def chain(width, count, steered):
            return nn.ModuleList(Block(width, slope, steered) for _ in range(count))

        self.distance = Distance(features, slope)
        self.stem = nn.Conv2d(1, first, STEM, stride=2, padding=STEM // 2 - 1, bias=False)
        self.encode = nn.ModuleList(chain(w, n, early) for w, n in zip(widths, down))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in zip(widths, widths[1:]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2, bias=False) for a, b in zip(widths, widths[1:]))
        self.skip = nn.ModuleList(nn.Conv2d(features, w, 1) for w in widths)
        self.decode = nn.ModuleList(chain(w, n, features) for w, n in zip(widths, up))
        self.keep = nn.Conv2d(features, 1, 1)
        self.image_hidden = conv(first, first)
        self.image = nn.ConvTranspose2d(first, 1, 2, stride=2, bias=False)
        self.scale_hidden = conv(first, SCALE_WIDTH, bias=True)
        self.scale = nn.ConvTranspose2d(SCALE_WIDTH, 1, 2, stride=2)
        self.begin(slope)

    def begin(self, slope):
        """Initial weights: signals keep their size, corrections are small, and gains are near 1."""
        for name, module in self.named_modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and "distance" not in name and name != "keep":
                nn.init.kaiming_normal_(module.weight, a=slope, mode="fan_in" if isinstance(module, nn.Conv2d) else "fan_out")
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, Block):
                    module.second.weight.mul_(TIMID)
                    for gains in [module.gains] if module.gains is not None else []:
                        gains.weight.mul_(0.5)
                        gains.bias.zero_()
            for skip in self.skip:
                skip.weight.mul_(0.5)
                skip.bias.zero_()
            self.image.weight.mul_(TIMID)
            self.keep.weight.zero_()
            self.keep.bias.fill_(1.0)

    def distances(self, dpm):
        """Features of the distance for each level; (B, features, 1, 1) for all of them where the whole image has one distance, (B, 1, 1, 1)."""
        if dpm.shape[-1] == 1:
            return [self.distance(dpm)] * len(self.encode)
        found = [self.distance(avg_pool2d(dpm, 2))]
        for _ in self.down:
            found.append(avg_pool2d(found[-1], 2))
        return found

    def forward(self, raw, dpm):
        act = self.activation
        distances = self.distances(dpm)
        h = act(self.stem(raw))
        skips = []
        for level, blocks in enumerate(self.encode):
            for block in blocks:
                h = block(h, distances[level])
            if level < len(self.down):
                skips.append(h)
                h = act(self.down[level](h))
        h = h * (1 + self.skip[-1](distances[-1]))
        for level in reversed(range(len(self.up))):
            h = skips[level] * (1 + self.skip[level](distances[level])) + self.up[level](h)
            for block in self.decode[level]:
                h = block(h, distances[level])
        kept = self.keep(distances[0])
        if kept.shape[-1] > 1:
            kept = nn.functional.interpolate(kept, scale_factor=2.0, mode="nearest")
        image = raw * kept + self.image(act(self.image_hidden(h)))
        scale = intervals.scale_of(self.scale(act(self.scale_hidden(h))))
        return torch.cat([image, scale], 1)

    def reach(self):
        """Input pixels beyond which a pixel has no influence, rounded up to a multiple of `step`: the halo of a tile."""
        radius = STEM // 2 + 2
        for level, count in enumerate(self.down_blocks):
            total = count + (self.up_blocks[level] if level < len(self.up_blocks) else 0)
            radius += 2 ** (level + 1) * (2 * total + 1)
        return -(-radius // self.step) * self.step


def build(config):
    network = config.network
    return UNet(network.dpm, network.widths, network.down, network.up, network.features, network.slope)
