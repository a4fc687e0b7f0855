"""The lookout: a small network that looks at an input for what the training never had: odd structure, and blur of a whole field.

Taught by outlier exposure (Hendrycks, Mazeika & Dietterich 2019): photographs of the training's own fields on one hand, on the other the same
with drawn figures (`oddities`), whole drawn patterns, and the fields blurred before they are photographed. For every 8 × 8 camera
pixels it gives two log odds: odd structure here; blurred here. The application computes the same (src-main/analysis/trust/lookout.ts);
test/cases/trust/lookout.json holds values that both must give.
"""

import base64
import json

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..errors import TrainingError

STRIDE = 8  # camera pixels along a place
STRIDES = (1, 2, 1, 2, 1, 1)  # of the 3 × 3 convolutions
WIDTHS = (32, 48, 48, 64, 64, 64)  # channels that they give; the first sees four pixels, each twice, as channels
PERCENTILES = (1.0, 99.9)
METHOD = (
    "Of a camera picture x, y = clip((x - p1) / (p99.9 - p1 + 1e-6), -1, 2) with its percentiles; channels: y at (0,0), (0,1), (1,0), (1,1) of every "
    "2 x 2 pixels, then sqrt(max(y, 0)) likewise. Layers: 3 x 3 convolution (weights outputs x inputs x 3 x 3, edges of zeros, stride), "
    "max(0, .). Head: 1 x 1, two log odds for each 8 x 8 pixels: structure unlike any of the training; blurred. Both are means over the "
    "picture and its three mirror images, turned back. Numbers: float32, little-endian, base64."
)


class Lookout(nn.Module):
    """Without `folded`, every convolution is followed by batch normalisation, which `fold` puts into its weights."""

    def __init__(self, folded=False, widths=WIDTHS):
        super().__init__()
        self.folded, self.widths = folded, tuple(widths)
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 3, stride, 1) for i, o, stride in zip((8, *widths), widths, STRIDES))
        self.norms = nn.ModuleList(nn.Identity() if folded else nn.BatchNorm2d(o) for o in widths)
        self.head = nn.Conv2d(widths[-1], 2, 1)

    def forward(self, x):
        """x: (B, 2, Y, X) as `prepared` gives it, sides multiples of STRIDE → log odds (B, 2, Y / STRIDE, X / STRIDE)."""
        x = functional.pixel_unshuffle(x, 2)
        for layer, norm in zip(self.layers, self.norms):
            x = functional.relu(norm(layer(x)))
        return self.head(x)

    def fold(self):
        """The same network without batch normalisation, for use."""
        if self.folded:
            return self.eval()
        plain = Lookout(folded=True, widths=self.widths)
        with torch.no_grad():
            plain.head.load_state_dict(self.head.state_dict())
            for target, layer, norm in zip(plain.layers, self.layers, self.norms):
                gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                target.weight.copy_(layer.weight * gain[:, None, None, None])
                target.bias.copy_((layer.bias - norm.running_mean) * gain + norm.bias)
        return plain.eval()

    def wider(self, more):
        """The same answers from a folded network with `more` channels in every layer: they begin with random weights, and nothing listens to them yet."""
        found = Lookout(folded=True, widths=[width + more for width in self.widths])
        with torch.no_grad():
            for wide, layer in zip([*found.layers, found.head], [*self.layers, self.head]):
                outputs, inputs = layer.weight.shape[:2]
                nn.init.kaiming_normal_(wide.weight)
                wide.weight[:outputs] = 0
                wide.weight[:outputs, :inputs] = layer.weight
                wide.bias.zero_()
                wide.bias[:outputs] = layer.bias
        return found.eval()


def prepared(images):
    """Camera pictures (B, Y, X) → (B, 2, Y, X): y = (x - p1) / (p99.9 - p1 + 1e-6) within -1 … 2, and sqrt(max(y, 0))."""
    low, high = np.percentile(images.numpy(), PERCENTILES, axis=(1, 2))
    low, high = (torch.from_numpy(v).float()[:, None, None] for v in (low, high))
    y = torch.clamp((images - low) / (high - low + 1e-6), -1, 2)
    return torch.stack([y, torch.sqrt(torch.clamp(y, min=0))], 1)


@torch.no_grad()
def look(network, images):
    """The log odds (B, 2, Y / STRIDE, X / STRIDE) for camera pictures (B, Y, X), sides multiples of STRIDE: means over four mirrorings."""
    mirrorings = [[a for a, on in ((1, over_y), (2, over_x)) if on] for over_y in (False, True) for over_x in (False, True)]
    return torch.stack([network(prepared(images.flip(axes))).flip([a + 1 for a in axes]) for axes in mirrorings]).mean(0)


def counted(maps):
    """The places by which a whole picture is scored, of maps (B, 2, Y, X): for blur all; for odd structure not those at the edge, which are judged by half of
    their surroundings and are called odd most often for no reason."""
    return maps[:, 0, 1:-1, 1:-1], maps[:, 1]


def score(logits):
    """How odd and how blurred a whole picture is: the largest mean of 2 × 2 neighbours, and the mean, of the places that count."""
    odd, blurred = counted(logits)
    return functional.avg_pool2d(odd[:, None], 2, 1).flatten(1).amax(1), blurred.mean((1, 2))


def as_json(network, pixel):
    """A folded network for the application, taught with inputs of `pixel` µm."""
    layers = [
        {"inputs": layer.in_channels, "outputs": layer.out_channels, "stride": layer.stride[0], "weights": encoded(layer.weight), "bias": encoded(layer.bias)}
        for layer in network.layers
    ]
    head = {"weights": encoded(network.head.weight), "bias": encoded(network.head.bias)}
    return {"method": METHOD, "pixel_size_um": pixel, "layers": layers, "head": head}


def read(path, pixel=None):
    """The folded network that `as_json` wrote into the file `path`; refused if it was taught with another `pixel` (µm) than this, unless that is None."""
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        network = Lookout(folded=True, widths=[layer["outputs"] for layer in made["layers"]])
        with torch.no_grad():
            for part, kept in zip([*network.layers, network.head], [*made["layers"], made["head"]], strict=True):
                for name, tensor in (("weights", part.weight), ("bias", part.bias)):
                    tensor.copy_(torch.from_numpy(np.frombuffer(base64.b64decode(kept[name]), "<f4").copy()).view_as(tensor))
    except Exception as error:  # a missing file, or whatever reading a damaged one raises
        raise TrainingError(f"{path} holds no lookout of this design.") from error
    taught = made.get("pixel_size_um")
    if pixel is not None and taught != pixel:
        raise TrainingError(f"The lookout {path} was taught with pixels of {taught} µm, and this one shall see pixels of {pixel} µm; they cannot teach one another.")
    return network.eval()


def encoded(tensor):
    return base64.b64encode(tensor.detach().numpy().astype("<f4").tobytes()).decode()
