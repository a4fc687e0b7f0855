"""Cells that the network is judged by: other code, other shapes and other numbers than the training's, and never imported there.

Each place is drawn by a function (rng, frame) → planes (Z, size, size) of density, in samples of `frame.step` µm. Beside the nine there are two near
strangers, peroxisomes and the plasma membrane, and two farther ones. No training has seen them; but of the oddities that the training shows as none of
the nine, `bodies` are akin to peroxisomes and `junctions` to the membrane, added after the bar had been missed without them, while nothing is akin to the farther two.
The nine have been looked at, too: which of them were confused decided what the training draws (models/training/README.md).
"""

import numpy as np
from scipy import ndimage, spatial

from .strokes import blob, cloud, disc, line

VERSION = 1  # to be raised with every change of how the cells are drawn
HEIGHTS = np.linspace(-1.2, 1.2, 5)  # µm


class Frame:
    """A cell drawn as splines on a canvas of `size` samples of `step` µm: its body, nucleus, and distances within (µm)."""

    def __init__(self, rng, size, step, centre=None, radius=None):
        self.size, self.step = size, step
        self.radius = radius or rng.uniform(11, 22)
        self.centre = np.array(centre if centre is not None else size / 2 + rng.normal(0, 1.5 / step, 2))
        self.body, self.outline = blob(rng, size, self.centre, self.radius / step, 0.3, int(rng.integers(7, 12)))
        self.hub = self.centre + rng.uniform(-0.15, 0.15, 2) * self.radius / step
        self.nuclear = rng.uniform(0.34, 0.46) * self.radius
        self.core, self.rim = blob(rng, size, self.hub, self.nuclear / step, 0.12, 8)
        self.outside = ndimage.distance_transform_edt(~self.core) * step
        self.within = ndimage.distance_transform_edt(self.body) * step
        turn = rng.uniform(0, 2 * np.pi)
        self.side = np.array([np.sin(turn), np.cos(turn)])
        self.pole = self.hub + self.side * self.nuclear * 1.25 / step

    @property
    def cytoplasm(self):
        return self.body & ~self.core

    def planes(self):
        return np.zeros((len(HEIGHTS), self.size, self.size), np.float32)

    def places(self, rng, weight, count):
        """`count` (row, column) drawn with `weight`."""
        flat = np.flatnonzero(weight > 0)
        if not len(flat):
            return np.zeros((0, 2))
        share = weight.ravel()[flat].astype(np.float64)
        return np.stack(np.unravel_index(rng.choice(flat, count, p=share / share.sum()), weight.shape), 1) + rng.random((count, 2))


def nucleus(rng, frame):
    """Cellular (Worley) grain, condensed spots, round nucleoli left out."""
    planes = frame.planes()
    seeds = frame.places(rng, frame.core.astype(float), int(rng.integers(60, 400)))
    yy, xx = np.nonzero(frame.core)
    near, _ = spatial.cKDTree(seeds).query(np.stack([yy, xx], 1))
    grain = np.zeros((frame.size, frame.size))
    grain[yy, xx] = 1 - rng.uniform(0.1, 0.6) * near / max(near.max(), 1e-6)
    holes = np.zeros_like(grain)
    for centre in frame.places(rng, frame.core * (frame.within > 1), int(rng.integers(0, 5))):
        disc(holes, centre, rng.uniform(0.5, 1.4) / frame.step)
    planes[1:4] = grain * (1 - rng.uniform(0.4, 0.95) * np.clip(holes, 0, 1))
    return planes


def nucleoli(rng, frame):
    """Each a heap of three to seven discs; a nucleoplasm of 3-25 %."""
    planes = frame.planes()
    inner = frame.core & (ndimage.distance_transform_edt(frame.core) * frame.step > 1.2)
    for centre in frame.places(rng, inner.astype(float), int(rng.integers(2, 6))):
        for _ in range(rng.integers(3, 8)):
            disc(planes[2], centre + rng.normal(0, 0.55, 2) / frame.step, rng.uniform(0.35, 0.9) / frame.step)
    planes[2] = np.clip(planes[2], 0, 1) * frame.core
    planes[1:4] += frame.core * rng.uniform(0.03, 0.25)
    return planes


def reticulum(rng, frame):
    """The edges of Voronoi cells that are small about the nucleus and large at the border, on a sheet that fades outwards, with the envelope."""
    planes = frame.planes()
    fade = np.exp(-frame.outside / (rng.uniform(0.3, 0.9) * frame.radius)) * frame.cytoplasm
    for level in (1, 2, 3)[: rng.integers(1, 4)]:
        points = frame.places(rng, fade + 0.1 * frame.body, int(np.pi * frame.radius**2 * rng.uniform(0.25, 0.7)))
        cells = spatial.Voronoi(points)
        for a, b in cells.ridge_vertices:
            ends = cells.vertices[[a, b]]
            if a >= 0 and b >= 0 and np.abs(ends[0] - ends[1]).max() < 5 / frame.step:
                line(planes[level], ends, rng.uniform(0.5, 1))
        planes[level] *= frame.cytoplasm * (0.25 + fade)
        planes[level] += rng.uniform(0.03, 0.25) * fade
    planes = ndimage.gaussian_filter(planes, (0, 0.8, 0.8))
    for level in (1, 2, 3):
        line(planes[level], frame.rim, rng.uniform(0.05, 0.4))
    return planes


def golgi(rng, frame):
    """Stacks of two to five concentric arcs beside the nucleus, cut into pieces."""
    planes = frame.planes()
    start = np.arctan2(*frame.side)
    for _ in range(rng.integers(2, 7)):
        at, half = start + rng.normal(0, 0.35), rng.uniform(0.1, 0.4)
        distance = frame.nuclear * rng.uniform(1.1, 1.5)
        for layer in range(rng.integers(2, 6)):
            angle = np.linspace(at - half, at + half, 24) + rng.normal(0, 0.03)
            reach = (distance + 0.35 * layer + 0.25 * np.sin(angle * rng.uniform(5, 15))) / frame.step
            arc = frame.hub + np.stack([np.sin(angle) * reach, np.cos(angle) * reach], 1)
            line(planes[rng.integers(1, 4)], arc, rng.uniform(0.5, 1) * (rng.random(23) < 0.9))
    planes = ndimage.gaussian_filter(planes, (0, 1, 1)) * frame.cytoplasm
    planes[2] += rng.uniform(0, 0.04) * planes.max() * frame.cytoplasm
    return planes


def lysosome(rng, frame):
    """Discs of 0.3-0.65 µm radius that keep apart, thrown about the pole beside the nucleus."""
    planes, kept = frame.planes(), []
    pull = np.exp(-np.hypot(*(np.indices(frame.body.shape) - frame.pole[:, None, None])) * frame.step / (frame.radius * rng.uniform(0.3, 0.8)))
    for place in frame.places(rng, frame.cytoplasm * pull * (frame.within > 0.8), int(rng.integers(30, 110))):
        radius = rng.uniform(0.3, 0.65)
        if all(np.hypot(*(place - other)) * frame.step > 0.8 * (radius + r) for other, r in kept):
            kept.append((place, radius))
            disc(planes[rng.integers(5)], place, radius / frame.step, rng.uniform(0.4, 1))
    return planes


def endosome(rng, frame):
    """Points and a few small rings, bright and dim ones exponentially distributed, all through the cytoplasm over a haze."""
    planes = frame.planes()
    for place in frame.places(rng, frame.cytoplasm * (frame.within > 0.3), int(rng.integers(120, 420))):
        disc(planes[rng.integers(5)], place, rng.uniform(0.05, 0.17) / frame.step, rng.exponential())
    for place in frame.places(rng, frame.cytoplasm.astype(float), int(rng.integers(0, 6))):
        angle = np.linspace(0, 2 * np.pi, 14)
        line(planes[2], place + 0.3 / frame.step * np.stack([np.sin(angle), np.cos(angle)], 1), 0.5)
    planes[1:4] += frame.cytoplasm * rng.uniform(0.003, 0.03)
    return planes


def mitochondria(rng, frame):
    """Stream lines of a smooth field of directions, thickened."""
    planes = frame.planes()
    angle = np.pi * cloud(rng, frame.size, rng.uniform(3, 7) / frame.step) * rng.uniform(0.3, 0.8) + rng.uniform(0, np.pi)
    inner = frame.cytoplasm & (frame.within > 0.6) & (frame.outside > 0.4)
    weight = inner * np.exp(-frame.outside / (frame.radius * rng.uniform(0.2, 0.8)))
    for start in frame.places(rng, weight, int(rng.integers(40, 160))):
        path = [start]
        for _ in range(int(rng.uniform(1.5, 9) / 0.3)):
            y, x = path[-1].astype(int)
            if not (0 <= y < frame.size and 0 <= x < frame.size and inner[y, x]):
                break
            path.append(path[-1] + 0.3 / frame.step * np.array([np.sin(angle[y, x]), np.cos(angle[y, x])]))
        if len(path) > 3:
            line(planes[rng.integers(1, 4)], np.array(path), rng.uniform(0.6, 1))
    return np.clip(ndimage.gaussian_filter(planes, (0, *[rng.uniform(0.12, 0.2) / frame.step] * 2)) * 3, 0, 1)


def actin(rng, frame):
    """Warped stripes of unequal strength that come and go, a border, and a veil."""
    planes = frame.planes()
    yy, xx = np.indices(frame.body.shape) * frame.step
    for level in (0, 1):
        turn = rng.uniform(0, np.pi)
        across = yy * np.cos(turn) - xx * np.sin(turn) + rng.uniform(0.3, 2) * cloud(rng, frame.size, 12 / frame.step)
        period, along = rng.uniform(0.8, 2), yy * np.sin(turn) + xx * np.cos(turn)
        stripe = (across / period + 500).astype(int)
        strength = rng.exponential(size=stripe.max() + 1) * (rng.random(stripe.max() + 1) < 0.7)
        centre = float(frame.centre @ (np.sin(turn), np.cos(turn))) * frame.step
        middle, half = rng.normal(centre, 8, stripe.max() + 1), rng.uniform(4, 20, stripe.max() + 1)
        kept = strength[stripe] * (np.abs(along - middle[stripe]) < half[stripe])
        planes[level] = np.exp(-((((across / period) % 1.0) - 0.5) / rng.uniform(0.1, 0.25)) ** 2) * kept * frame.body
    planes[1] += frame.body * (rng.uniform(0.05, 0.3) + rng.uniform(0.1, 0.9) * np.exp(-frame.within / 0.5))
    return planes


def microtubules(rng, frame):
    """Quadratic Bézier curves from about the centrosome to the border, bent by a middle point, and arcs along the border."""
    planes, t = frame.planes(), np.linspace(0, 1, 40)[:, None]
    spread = rng.uniform(0.3, 3) / frame.step
    for _ in range(rng.integers(60, 220)):
        begin = frame.pole + rng.normal(0, spread, 2)
        if rng.random() < 0.3:
            begin = frame.places(rng, frame.body.astype(float), 1)[0]
        end = frame.centre + (frame.outline[rng.integers(200)] - frame.centre) * rng.uniform(0.5, 0.97)
        middle = (begin + end) / 2 + rng.normal(0, 0.3, 2) * np.hypot(*(end - begin))
        curve = (1 - t) ** 2 * begin + 2 * t * (1 - t) * middle + t**2 * end
        curve = curve[int(rng.integers(0, 15)) :]
        line(planes[rng.integers(5)], curve, rng.uniform(0.4, 1))
    planes *= frame.body
    planes[2] += frame.body * rng.uniform(0.0, 0.06)
    return planes


def peroxisome(rng, frame):
    """A stranger: short rods and grains of one size and brightness, evenly apart through the whole cytoplasm, no haze."""
    planes, kept = frame.planes(), []
    apart = rng.uniform(0.5, 1.2)
    for place in frame.places(rng, frame.cytoplasm * (frame.within > 0.8), int(rng.integers(80, 350))):
        if all(np.hypot(*(place - other)) * frame.step > apart for other in kept):
            kept.append(place)
            turn, half = rng.uniform(0, np.pi), rng.uniform(0.02, 0.3) / frame.step
            for t in np.linspace(-1, 1, 5):
                disc(planes[1 + len(kept) % 3], place + t * half * np.array([np.sin(turn), np.cos(turn)]), 0.16 / frame.step, rng.uniform(0.8, 1))
    return np.clip(planes, 0, 1)


def membrane(rng, frame):
    """A stranger: the border as a bright line, spikes that stick out of it, folds, and a dim veil."""
    planes = frame.planes()
    outline = np.vstack([frame.outline, frame.outline[:1]])
    for level in range(5):
        line(planes[level], outline, rng.uniform(0.6, 1))
    for _ in range(rng.integers(0, 60)):
        root = frame.outline[rng.integers(200)]
        out = (root - frame.centre) / np.hypot(*(root - frame.centre)) + rng.normal(0, 0.3, 2)
        line(planes[1], np.stack([root, root + out * rng.uniform(0.8, 4) / frame.step]), rng.uniform(0.3, 0.9))
    folds = np.exp(-np.abs(cloud(rng, frame.size, rng.uniform(1.5, 4) / frame.step)) * 12) * frame.body
    planes[3] += rng.uniform(0, 0.25) * folds
    planes[1:4] += frame.body * rng.uniform(0.02, 0.15)
    return planes


def cilium(rng, frame):
    """A stranger: one curved rod of 2-8 µm somewhere over the nucleus or beside it, and label all over the cell."""
    planes = frame.planes()
    length, turn, bend = rng.uniform(2, 8), rng.uniform(0, 2 * np.pi), rng.normal(0, 0.15)
    t = np.linspace(0, 1, 25)
    angle = turn + bend * length * t
    path = np.cumsum(np.stack([np.sin(angle), np.cos(angle)], 1), 0) * length / 25 / frame.step
    line(planes[4], frame.hub + rng.normal(0, 0.6, 2) * frame.nuclear / frame.step + path, 1.0)
    planes = ndimage.gaussian_filter(planes, (0, *[0.12 / frame.step] * 2))
    planes[1:4] += planes.max() * frame.body * rng.uniform(0.01, 0.1)
    return planes


def chromosomes(rng, frame):
    """A stranger: a dividing cell's chromosomes, 20-50 short bent rods heaped in a plate or a ball where the nucleus was."""
    planes = frame.planes()
    turn, flat = rng.uniform(0, np.pi), rng.uniform(0.25, 1)
    axes = np.array([[np.sin(turn), np.cos(turn)], [np.cos(turn), -np.sin(turn)]])
    for _ in range(rng.integers(20, 51)):
        middle = frame.hub + (rng.normal(0, 0.4, 2) * (1, flat) @ axes) * frame.nuclear / frame.step
        angle, half = rng.uniform(0, np.pi) + np.array([-0.4, 0, 0.4]) * rng.normal(), rng.uniform(0.4, 1.5) / frame.step
        line(planes[rng.integers(1, 4)], middle + np.array([-1, 0, 1])[:, None] * half * np.stack([np.sin(angle), np.cos(angle)], 1), 1.0)
    return np.clip(ndimage.gaussian_filter(planes, (0, *[0.25 / frame.step] * 2)) * 4, 0, 1)


CLASSES = {
    "nucleus": nucleus, "nucleoli": nucleoli, "endoplasmic-reticulum": reticulum, "golgi": golgi, "lysosome": lysosome,
    "endosome": endosome, "mitochondria": mitochondria, "actin": actin, "microtubules": microtubules,
}  # fmt: skip
STRANGERS = {"peroxisome": peroxisome, "plasma membrane": membrane}
FARTHER = {"cilium": cilium, "mitotic chromosomes": chromosomes}


def scene(rng, place, size, step):
    """One cell in the middle and at times a neighbour, all with the same place labelled: planes (Z, size, size)."""
    frame = Frame(rng, size, step)
    planes = place(rng, frame)
    if rng.random() < 0.4:
        turn = rng.uniform(0, 2 * np.pi)
        centre = frame.centre + 2.1 * frame.radius / step * np.array([np.sin(turn), np.cos(turn)])
        if (np.abs(centre - size / 2) < size * 0.6).all():
            planes += rng.uniform(0.4, 1) * place(rng, Frame(rng, size, step, centre, frame.radius * rng.uniform(0.7, 1)))
    return planes
