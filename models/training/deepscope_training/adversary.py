"""The adversary of a generative network: a compact discriminator that learns beside it, and what it adds to the loss.

Least squares (Mao et al. 2017; used by Wu et al. 2019): the discriminator is taught 1 for true images and 0 for made ones, the generator to be taken for 1.
"""

import torch
from torch import nn


class Discriminator(nn.Module):
    """(B, C, Y, X) → (B, 1): is this a true image? Each level halves the grid; the answer is the mean over places (Isola et al. 2017)."""

    def __init__(self, channels, widths, slope):
        super().__init__()
        layers, before = [], channels
        for width in widths:
            layers += [nn.Conv2d(before, width, 4, stride=2, padding=1), nn.LeakyReLU(slope)]
            before = width
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, 1, 3, padding=1))

    def forward(self, x):
        return self.layers(x).mean((2, 3))


class Adversary:
    """One discriminator with its optimiser. `weight` scales what it adds to the generator's loss.

    The batch is judged in two steps of one training step: `judge` gives the generator's term (the discriminator is held), and
    `learn`, called after the generator's step, teaches the discriminator by the same images.
    """

    def __init__(self, channels, widths, slope, rate, weight):
        self.network = Discriminator(channels, widths, slope)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=rate, betas=(0.5, 0.99))
        self.weight = weight
        self.pending = None

    def to(self, device):
        self.network.to(device)
        return self

    def judge(self, made, true):
        """The term to add to the generator's loss for images (B, C, Y, X), and the parts as numbers."""
        self.pending = (made.detach(), true)
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        term = ((self.network(made) - 1) ** 2).mean()
        for parameter in self.network.parameters():
            parameter.requires_grad_(True)
        return self.weight * term, {"adversarial": float(term.detach())}

    def learn(self, average=None):
        """One step of the discriminator by the images judged last; its loss as a number. average: what a crew does to the gradients."""
        made, true = self.pending
        loss = 0.5 * ((self.network(true) - 1) ** 2).mean() + 0.5 * (self.network(made) ** 2).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if average:
            average(self.network)
        self.optimiser.step()
        self.pending = None
        return {"discriminator": float(loss.detach())}

    def state_dict(self):
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state):
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
