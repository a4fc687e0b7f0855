"""The super-resolution network: a compact U-Net that works at half the grid it reads and writes.

Its first convolution steps by two, because an image brought from 0.65 to 0.325 µm pixels holds a quarter of the
information its pixels could; the last one steps back up. Two outputs: the input plus a correction (Wang et al. 2019 train
a U-Net for this task; the residual makes it do nothing where nothing is known), and the Laplace scale of its error
(Weigert et al. 2018). The path to the image has no bias, so brightness times a means output times a (Mohan et al. 2020).
"""

import torch
from torch import nn

SCALE_UNIT, SCALE_FLOOR = 0.1, 1e-3


class UNet(nn.Module):
    """(B, 1, Y, X) → (B, 2, Y, X) [image, scale], Y and X multiples of `step`.

    widths: channels on each level, the first at half the input's grid; bottom: convolutions on the coarsest level.
    """

    def __init__(self, widths, bottom, slope):
        super().__init__()
        self.step = 2 ** len(widths)
        self.activation = nn.LeakyReLU(slope)
        first, last = widths[0], widths[-1]

        def conv(a, b):
            return nn.Conv2d(a, b, 3, padding=1, bias=False)

        self.stem = nn.Conv2d(1, first, 4, stride=2, padding=1, bias=False)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in zip(widths, widths[1:]))
        self.encode = nn.ModuleList(conv(w, w) for w in widths[:-1])
        self.bottom = nn.ModuleList(conv(last, last) for _ in range(bottom))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2, bias=False) for a, b in zip(widths, widths[1:]))
        self.join = nn.ModuleList(conv(2 * w, w) for w in widths[:-1])
        self.decode = nn.ModuleList(conv(w, w) for w in widths[:-1])
        self.image = nn.ConvTranspose2d(first, 1, 2, stride=2, bias=False)
        self.scale_hidden = nn.Conv2d(first, first, 3, padding=1)
        self.scale = nn.ConvTranspose2d(first, 1, 2, stride=2)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(module.weight, a=slope, mode="fan_in" if isinstance(module, nn.Conv2d) else "fan_out")
        with torch.no_grad():
            self.image.weight.mul_(0.1)

    def forward(self, x):
        act = self.activation
        h = act(self.stem(x))
        skips = []
        for encode, down in zip(self.encode, self.down):
            h = act(encode(h))
            skips.append(h)
            h = act(down(h))
        for layer in self.bottom:
            h = act(layer(h))
        for up, join, decode, skip in reversed(list(zip(self.up, self.join, self.decode, skips))):
            h = act(join(torch.cat([act(up(h)), skip], 1)))
            h = act(decode(h))
        image = x + self.image(h)
        scale = SCALE_UNIT * nn.functional.softplus(self.scale(act(self.scale_hidden(h)))) + SCALE_FLOOR
        return torch.cat([image, scale], 1)

    def reach(self):
        """Input pixels beyond which a pixel has no influence, rounded up to a multiple of `step`: the halo of a tile."""
        levels = len(self.down) + 1
        radius = 1 + sum(2 ** (i + 1) * (1 + 2) for i in range(levels - 1)) + 2 * 2
        radius += 2**levels * len(self.bottom) + sum(2 ** (i + 1) for i in range(levels))
        return -(-radius // self.step) * self.step


def build(config):
    return UNet(config.network.widths, config.network.bottom, config.network.slope)
