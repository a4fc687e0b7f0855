"""What training inputs look like to the camera, so that the application can tell when an image is unlike all of them.

Every figure is taken from a tile of `TILE`² pixels on the camera's own grid, before any resampling, by 33 features (`features`). Two
scores compare a tile with the training inputs of the same pixel size:

distance: squared Mahalanobis distance of the features from their mean (Mahalanobis 1936).
blur: Fisher's linear discriminant (1936) between the training inputs and the same fields blurred by a Gaussian before they are photographed.

The application computes exactly the same (src-main/analysis/trust/features.ts); test/cases/trust holds values that both must give.
"""

import numpy as np
import torch
from scipy import ndimage

from . import pool
from .superres import batches

TILE = 128
RINGS = 16
SECTORS = 8
GROUPS = ((1, 3), (4, 7), (8, 11), (12, 15))  # rings, both ends included
QUANTILES = (5, 25, 50, 75, 95, 99)
NAMES = (
    [f"power {i}" for i in range(RINGS)] + ["power beyond"] + [f"quantile {q}" for q in QUANTILES]
    + [f"direction {a}-{b}" for a, b in GROUPS] + [f"peak {a}-{b}" for a, b in GROUPS] + ["noise", "heavy tail"]
)  # fmt: skip
METHOD = (
    "Of a tile of 128² camera pixels, y = (x - p1) / (p99.9 - p1 + 1e-6) with its percentiles. P = |DFT(Hann (y - mean))|² / Σ Hann²; ring = "
    "floor(sqrt(i² + j²) / 4) for the signed frequency indices i, j, 16 rings and one bin for what lies beyond. power: log10(mean of P in the ring "
    "+ 1e-12). quantile: percentiles of y. With P' = (P + 1e-12) / (its ring's mean + 1e-12), over the rings named: direction = log10(largest / mean) of the means of P' in 8 "
    "sectors floor(8 atan2(i, j) / π + 1/2) mod 8; peak = log10(max P'). m = y filtered by [[1,-2,1],[-2,4,-2],[1,-2,1]] / 6: noise = log10 of "
    "max(median |m| / 0.6745, 1e-4), heavy tail = log10(max(std m, 1e-4)) - noise. z = (features - mean) / std; distance = |whitening z|², blur = z · "
    "discriminant. limits: percentiles of the scores of inputs that were not used for the fit."
)
LIMITS = (50, 95, 98, 99, 99.9)
RIDGE = 1e-3
SHARE_FITTED = 0.6
BLUR = (1.0, 2.5)  # of the radius of a point's light (evaluation.beads.aperture)
FIELDS, PHOTOGRAPHS = 600, 4  # at most so many fields for each pixel size, each photographed so often


def plan():
    """Ring and sector of every coefficient of the transform of a tile, and the window."""
    index = np.fft.fftfreq(TILE, 1 / TILE).round().astype(int)
    i, j = index[:, None], index[None, :]
    ring = np.minimum((np.sqrt(i * i + j * j) / (TILE / 2 / RINGS)).astype(int), RINGS)
    sector = np.floor(SECTORS * np.arctan2(i, j) / np.pi + 0.5).astype(int) % SECTORS
    return ring, sector, np.hanning(TILE)[:, None] * np.hanning(TILE)[None, :]


RING, SECTOR, WINDOW = plan()


def features(tile):
    """The features of one tile (TILE, TILE), in the order of NAMES."""
    low, high = np.percentile(tile, (1, 99.9))
    y = (np.asarray(tile, float) - low) / (high - low + 1e-6)
    power = np.abs(np.fft.fft2((y - y.mean()) * WINDOW)) ** 2 / (WINDOW**2).sum()
    means = np.bincount(RING.ravel(), power.ravel(), RINGS + 1) / np.bincount(RING.ravel(), minlength=RINGS + 1)
    relative = (power + 1e-12) / (means[RING] + 1e-12)
    directions, peaks = [], []
    for first, last in GROUPS:
        here = (RING >= first) & (RING <= last)
        sectors = np.bincount(SECTOR[here], relative[here], SECTORS) / np.bincount(SECTOR[here], minlength=SECTORS)
        directions.append(np.log10(sectors.max() / sectors.mean()))
        peaks.append(np.log10(relative[here].max()))
    rows = y[:-2] - 2 * y[1:-1] + y[2:]
    mask = (rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]) / 6
    noise = np.log10(max(np.median(np.abs(mask)) / 0.6745, 1e-4))
    tail = np.log10(max(mask.std(), 1e-4)) - noise
    return np.array([*np.log10(means + 1e-12), *np.percentile(y, QUANTILES), *directions, *peaks, noise, tail])


def summarise(inputs, blurred):
    """Mean, whitening and discriminant from features (N, F) of inputs and of their blurred kin, and the limits of both scores."""
    fitted = int(len(inputs) * SHARE_FITTED)
    mean, std = inputs[:fitted].mean(0), inputs[:fitted].std(0) + 1e-6
    z, out_of_focus = (inputs - mean) / std, (blurred - mean) / std
    identity = np.eye(len(mean))
    covariance = np.cov(z[:fitted].T) + RIDGE * identity
    whitening = np.linalg.cholesky(np.linalg.inv(covariance)).T
    spread = covariance + np.cov(out_of_focus.T) + RIDGE * identity
    discriminant = np.linalg.solve(spread, out_of_focus.mean(0) - z[:fitted].mean(0))
    judged = z[fitted:]
    return {
        "inputs": len(inputs),
        "mean": digits(mean),
        "std": digits(std),
        "whitening": [digits(row[i:]) for i, row in enumerate(whitening)],
        "discriminant": digits(discriminant),
        "limits": {
            "percentiles": list(LIMITS),
            "distance": digits(np.percentile(((judged @ whitening.T) ** 2).sum(1), LIMITS)),
            "blur": digits(np.percentile(judged @ discriminant, LIMITS)),
        },
    }


def digits(values):
    return [float(f"{v:.5g}") for v in values]


def photograph(config, low, generator):
    """The features of one photograph of a field, or of its first tile where it is larger."""
    image, _ = batches.photograph(torch.from_numpy(low), torch.zeros(()), 1, config.camera, generator)
    return features(image[:TILE, :TILE].numpy())


def collect(config, folder, count):
    """The guard's statistics of a pool: one entry for each pixel size of the inputs. Empty fields and hot pixels are left out."""
    import dataclasses

    settings = dataclasses.replace(config, camera=dataclasses.replace(config.camera, hot_pixels=0.0))
    rng, generator = np.random.default_rng((config.seed, 4)), torch.Generator().manual_seed(config.seed + 99)
    found = {config.optics.input.pixel: ([], []), config.optics.target.pixel: ([], [])}
    fields = dict.fromkeys(found, 0)
    for index in range(count):
        with np.load(pool.path_of(folder, index)) as file:
            low, pixel = file["low"], config.optics.target.pixel if file["native"] else config.optics.input.pixel
            empty = str(file["family"]).endswith("empty")
        if empty or fields[pixel] >= FIELDS or min(low.shape) < TILE:
            continue
        fields[pixel] += 1
        for _ in range(PHOTOGRAPHS):
            sigma = np.exp(rng.uniform(*np.log(BLUR))) * config.evaluation.beads.aperture / pixel
            found[pixel][0].append(photograph(settings, low, generator))
            found[pixel][1].append(photograph(settings, ndimage.gaussian_filter(low, sigma), generator))
    return kept(found)


def kept(found):
    """What a package keeps of {pixel size in µm: (features of inputs, features of their blurred kin)}; of a pixel size with too few inputs nothing."""
    sources = [{"pixel_size_um": pixel, **summarise(*map(np.array, pair))} for pixel, pair in found.items() if len(pair[0]) >= 8 * len(NAMES)]
    return {"method": METHOD, "tile": TILE, "features": NAMES, "sources": sources}
