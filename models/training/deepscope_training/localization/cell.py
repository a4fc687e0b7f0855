"""A flat-lying cell in outline: body, nucleus, the height of both, and ways to place things within it. Lengths in µm.

Maps are kept on a grid of `coarse` samples (four of the scene's), because nothing in an outline is finer than half a micrometre.
"""

import numpy as np
from scipy import ndimage

from ..specimens import log_uniform

COARSE = 4  # scene samples along one sample of the maps


class Cell:
    """One cell of `scene` around (cx, cy) with a mean radius of `radius`; every other proportion is drawn from `rng`."""

    def __init__(self, rng, scene, cx, cy, radius):
        self.scene, self.cx, self.cy, self.radius = scene, cx, cy, radius
        self.size, self.step = scene.size // COARSE, scene.step * COARSE
        yy, xx = (np.mgrid[: self.size, : self.size] + 0.5) * self.step
        self.body = self._outline(rng, xx, yy)
        self.nucleus_radius = min(max(radius * rng.uniform(0.3, 0.55), 3.5), 11.0)
        away = radius * rng.uniform(0, 0.25)
        side = rng.uniform(0, 2 * np.pi)
        self.nx, self.ny = cx + away * np.cos(side), cy + away * np.sin(side)
        self.core = self._nucleus(rng, xx, yy) & ndimage.binary_erosion(self.body, iterations=1)
        self.edge = ndimage.distance_transform_edt(np.pad(self.body, 1, mode="edge"))[1:-1, 1:-1] * self.step  # to the cell's border, inwards
        outside = ndimage.distance_transform_edt(~self.core) if self.core.any() else np.full(self.core.shape, 1e3)
        inside = ndimage.distance_transform_edt(self.core)
        self.from_nucleus = ndimage.gaussian_filter((outside - inside) * self.step, 1)  # negative within
        flank = rng.uniform(0, 2 * np.pi)  # where centrosome and Golgi lie, beside the nucleus
        reach = self.nucleus_radius * rng.uniform(0.9, 1.35)
        self.gx, self.gy = self.nx + reach * np.cos(flank), self.ny + reach * np.sin(flank)
        self.flank = flank
        self.height = np.minimum(scene.depth, 0.25 + scene.depth * np.sqrt(np.clip(self.edge / (0.5 * radius), 0, 1))) if scene.depth else 0 * self.edge

    def _outline(self, rng, xx, yy):
        """A stretched wobbling curve, sometimes with corners drawn out to points as fibroblasts have them."""
        turn, stretch = rng.uniform(0, np.pi), np.exp(rng.uniform(0, 0.55))
        u = ((xx - self.cx) * np.cos(turn) + (yy - self.cy) * np.sin(turn)) / stretch
        v = ((yy - self.cy) * np.cos(turn) - (xx - self.cx) * np.sin(turn)) * stretch
        angle, distance = np.arctan2(v, u), np.hypot(u, v)
        order = np.arange(2, 9)[:, None, None]
        wave = rng.normal(0, rng.uniform(0.05, 0.35), order.shape) / order * np.cos(order * angle + rng.uniform(0, 6.3, order.shape))
        limit = 1 + wave.sum(0)
        for _ in range(rng.integers(0, 5)):
            limit = limit + rng.uniform(0.1, 0.7) * np.exp(np.cos(angle - rng.uniform(0, 6.3)) * 12 - 12)
        return distance < self.radius * np.clip(limit, 0.35, None)

    def _nucleus(self, rng, xx, yy):
        turn, squeeze = rng.uniform(0, np.pi), rng.uniform(0.6, 1)
        u = (xx - self.nx) * np.cos(turn) + (yy - self.ny) * np.sin(turn)
        v = ((yy - self.ny) * np.cos(turn) - (xx - self.nx) * np.sin(turn)) / squeeze
        angle = np.arctan2(v, u)
        limit = 1 + 0.06 * np.cos(2 * angle + rng.uniform(0, 6.3)) + rng.uniform(0, 0.08) * np.cos(3 * angle + rng.uniform(0, 6.3))
        return np.hypot(u, v) < self.nucleus_radius * limit

    @property
    def cytoplasm(self):
        return self.body & ~self.core

    def at(self, maps, x, y):
        """The value of a coarse map at points x, y."""
        iy = np.clip((y / self.step).astype(np.int64), 0, self.size - 1)
        ix = np.clip((x / self.step).astype(np.int64), 0, self.size - 1)
        inside = (x >= 0) & (y >= 0) & (x < self.scene.width) & (y < self.scene.width)
        return np.where(inside, maps[iy, ix], 0)

    def scatter(self, rng, density, count):
        """`count` points (x, y) of shape (count, 1), drawn with `density` (a coarse map)."""
        total = np.cumsum(density, dtype=np.float64)
        if total[-1] <= 0:
            return np.full((0, 1), 0.0), np.full((0, 1), 0.0)
        place = np.searchsorted(total, rng.uniform(0, total[-1], count))
        iy, ix = np.divmod(np.minimum(place, density.size - 1), self.size)
        return (((i + rng.random(count)) * self.step)[:, None] for i in (ix, iy))

    def heights(self, rng, x, y):
        """Heights z for points, anywhere between the cell's lower and upper side."""
        return rng.uniform(-1, 1, np.shape(x)) * self.at(self.height, x, y)

    def fine(self, picture):
        """A coarse map on the scene's grid, smoothly."""
        picture = np.asarray(picture)
        picture = ndimage.gaussian_filter(picture.astype(np.float32), 0.7) if picture.dtype == bool else picture.astype(np.float32)
        return ndimage.zoom(picture, COARSE, order=1, grid_mode=True, mode="nearest")

    def volume(self, picture):
        """Fill the cell's height at every place with the fine map `picture`: the sum over planes is the picture."""
        heights = self.scene.heights
        share = np.clip(1.2 - np.abs(heights[:, None, None]) / np.maximum(self.height, 0.3), 0, None)
        share /= share.sum(0)
        for plane, part in zip(self.scene.planes, share):
            plane += picture * self.fine(part)


def crowd(rng, scene):
    """One cell about the middle, and up to four neighbours that do not cover it. Returns a list of cells, the middle one first."""
    radius = log_uniform(rng, 9, 28)
    middle = scene.width / 2
    shift = rng.normal(0, 0.08 * scene.width, 2)
    cells = [Cell(rng, scene, middle + shift[0], middle + shift[1], radius)]
    taken = cells[0].body.copy()
    for _ in range(rng.choice([0, 1, 2, 4], p=[0.4, 0.25, 0.2, 0.15])):
        cx, cy = rng.uniform(-0.1, 1.1, 2) * scene.width
        near = Cell(rng, scene, cx, cy, radius * rng.uniform(0.7, 1.3))
        if not near.body.any() or not near.core.any() or (near.core & taken).any():
            continue
        near.body &= ~taken
        near.core &= near.body
        taken |= near.body
        cells.append(near)
    return cells
