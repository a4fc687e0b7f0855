"""What the lookout is taught with: photographs of the pool's fields, of figures among them, of patterns, and of blurred fields."""

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from .. import camera
from .lookout import STRIDE, counted, prepared, score

CROP = 96  # camera pixels a side in a lesson
FIGURES, PATTERNS = 12000, 1000  # drawn once
FIGURE_BRIGHTNESS = (0.2, 1.2)  # of the brightest structure
BLUR_UM = (1.2, 4.0)
BLUR = 0.1  # weight of the difference from a teacher's log odds of blur


class Lessons:
    """Examples drawn at random. low: noise-free fields (N, Y, X), their brightest 1; figures (F, 32, 32); patterns (P, Y, X); pixel in µm."""

    def __init__(self, low, figures, patterns, pixel, settings, seed=0):
        self.low, self.figures, self.patterns, self.pixel, self.settings = low, figures, patterns, pixel, settings
        self.restart(seed)

    def restart(self, seed):
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(int(self.rng.integers(2**31)))

    def field(self):
        rng = self.rng
        picture = self.low[rng.integers(len(self.low))]
        if rng.random() < 0.25:
            picture = picture + np.exp(rng.uniform(np.log(0.05), 0)) * np.rot90(self.low[rng.integers(len(self.low))], rng.integers(4))
        y, x = (rng.integers(0, n - CROP + 1) for n in picture.shape)
        picture = np.rot90(picture[y : y + CROP, x : x + CROP], rng.integers(4))
        return picture[:, ::-1] if rng.random() < 0.5 else picture

    def beads(self, picture):
        """Single spots are no odd thing: they are in the training, alone and among others."""
        rng = self.rng
        points = np.zeros_like(picture)
        for _ in range(rng.integers(1, 15)):
            y, x = rng.integers(0, CROP - 1, 2)
            fy, fx = rng.random(2)
            points[y : y + 2, x : x + 2] += np.outer((1 - fy, fy), (1 - fx, fx)) * rng.uniform(0.2, 1)
        spots = ndimage.gaussian_filter(points, rng.uniform(0.35, 0.9))
        return picture + spots * (np.exp(rng.uniform(np.log(0.2), np.log(2))) / max(spots.max(), 1e-9))

    def blurred(self, picture):
        rng = self.rng
        kind, width = rng.integers(3), np.exp(rng.uniform(*np.log(BLUR_UM))) / self.pixel
        if kind == 0:
            return ndimage.gaussian_filter(picture, width, mode="reflect")
        if kind == 1:  # astigmatic
            return ndimage.gaussian_filter(picture, (width * rng.uniform(0.6, 1), width), mode="reflect")
        return ndimage.gaussian_filter(ndimage.uniform_filter(picture, max(3, int(2.5 * width)), mode="reflect"), 0.4 * width, mode="reflect")

    def example(self, kind):
        """kind: plain, figures, pattern, blurred. Returns expectation (CROP, CROP) and targets (2, cells, cells), NaN = not asked."""
        rng, cells = self.rng, CROP // STRIDE
        target = np.zeros((2, cells, cells), np.float32)
        picture = self.field().astype(np.float32)
        if kind != "pattern" and rng.random() < 0.3:
            picture = self.beads(picture)
        if kind == "blurred":
            picture = self.blurred(picture)
            target[0], target[1] = np.nan, 1
        peak = max(float(np.quantile(picture, 0.999)), 1e-6)
        if kind == "figures":
            for _ in range(rng.choice([1, 1, 2])):
                figure = self.figures[rng.integers(len(self.figures))]
                size = figure.shape[0]
                layer = np.zeros((CROP + 2 * size,) * 2, np.float32)
                y, x = rng.integers(size // 2, CROP + size // 2, 2)
                layer[y : y + size, x : x + size] = figure
                layer = layer[size:-size, size:-size]
                picture = picture + layer * peak * np.exp(rng.uniform(*np.log(FIGURE_BRIGHTNESS)))
                there = (layer > 0.25).reshape(cells, STRIDE, cells, STRIDE).sum((1, 3))
                target[0][there >= 3] = 1
                target[0][ndimage.binary_dilation(there > 0) & (target[0] == 0)] = np.nan
        if kind == "pattern":
            whole = self.patterns[rng.integers(len(self.patterns))]
            y, x = (rng.integers(0, n - CROP + 1) for n in whole.shape)
            picture = whole[y : y + CROP, x : x + CROP] + picture / peak * (rng.uniform(0, 0.3) if rng.random() < 0.5 else 0)
            target[0], target[1] = 1, np.nan
        peak = max(float(np.quantile(picture, 0.999)), 1e-6)
        return picture / peak, target

    def batch(self, size):
        kinds = ["figures"] * (size // 2) + ["pattern"] * (size // 8) + ["blurred"] * (size // 8)
        kinds += ["plain"] * (size - len(kinds))
        pictures, targets = zip(*(self.example(kind) for kind in kinds))
        expected = torch.from_numpy(np.stack(pictures).astype(np.float32))
        return prepared(self.photograph(expected)), torch.from_numpy(np.stack(targets)), kinds

    def photograph(self, expected):
        """As the camera section of the configuration says, every light alike, 16 bits, without hot pixels and nothing bleached."""
        settings = self.settings

        def uniform(low, high):
            return low + (high - low) * torch.rand(len(expected), 1, 1, generator=self.generator)

        photons, background = (torch.exp(uniform(*np.log(v))) for v in (settings.photons, settings.background))
        offset, gain, read_noise = (uniform(*v) for v in (settings.offset, settings.gain, settings.read_noise))
        image = camera.read_out(photons * (expected + background), offset, gain, read_noise, self.generator)
        eight = torch.rand(len(image), 1, 1, generator=self.generator) < settings.eight_bit
        return torch.where(eight, camera.requantise(image), image)


def loss_of(logits, targets, teacher=None):
    """Binary cross-entropy of the places that were asked, and of the whole picture's scores. teacher: log odds like `logits`, of which those of blur are what is
    wanted instead (mean absolute difference of the places)."""
    asked, wanted = ~torch.isnan(targets), torch.nan_to_num(targets)
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    kinds = (0, 1) if teacher is None else (0,)
    parts = [(asked[:, k] & (wanted[:, k] == value), each[:, k]) for k in kinds for value in (0, 1)]
    places = sum((loss * here).sum() / here.sum().clamp(min=1) for here, loss in parts) / 2
    whole = 0 if teacher is None else BLUR * functional.l1_loss(logits[:, 1], teacher[:, 1])
    for _, found, places_asked, places_wanted in zip(kinds, score(logits), counted(asked), counted(wanted)):
        here = places_asked.flatten(1).any(1)
        whole = whole + 0.5 * functional.binary_cross_entropy_with_logits(found[here], places_wanted[here].flatten(1).amax(1))
    return places + whole
