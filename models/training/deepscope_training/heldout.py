"""Specimens for evaluation only: other code and other shapes than `specimens.py`, never used in training.

Each family returns planes (Z, size, size) of non-negative density on a grid of `step` µm at `heights` µm.
"""

import numpy as np
from scipy import ndimage, spatial
from skimage import draw

from . import real


def stroke(plane, y0, x0, y1, x1, value):
    """Add an anti-aliased line between two points given in samples; what lies outside is cut off."""
    rows, columns, share = draw.line_aa(*(int(round(v)) for v in (y0, x0, y1, x1)))
    inside = (rows >= 0) & (columns >= 0) & (rows < plane.shape[0]) & (columns < plane.shape[1])
    plane[rows[inside], columns[inside]] += share[inside] * value


def trees(rng, size, step, heights):
    """Branched networks, such as dendrites or hyphae: strokes that fork, taper and change their plane."""
    planes = np.zeros((len(heights), size, size), np.float32)
    tips = [(*rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi), 1.0, rng.integers(len(heights))) for _ in range(rng.integers(3, 9))]
    for _ in range(600):
        if not tips:
            break
        y, x, angle, value, level = tips.pop(0)
        length = rng.uniform(1, 5) / step
        y1, x1 = y + length * np.sin(angle), x + length * np.cos(angle)
        stroke(planes[level], y, x, y1, x1, value)
        if not (0 < y1 < size and 0 < x1 < size) or value < 0.15:
            continue
        level = int(np.clip(level + rng.integers(-1, 2), 0, len(heights) - 1))
        for turn in (rng.normal(0.5, 0.2), -rng.normal(0.5, 0.2)) if rng.random() < 0.3 else (rng.normal(0, 0.3),):
            tips.append((y1, x1, angle + turn, value * rng.uniform(0.85, 1), level))
    return planes


def rings(rng, size, step, heights):
    """Hollow circles of 0.5-4 µm diameter: vesicle walls, podosomes, cross-sections of tubes."""
    planes = np.zeros((len(heights), size, size), np.float32)
    for _ in range(rng.integers(15, 120)):
        radius, wall = rng.uniform(0.25, 2) / step, rng.uniform(0.08, 0.2) / step
        cy, cx = rng.uniform(0, size, 2)
        reach = int(radius + 4 * wall) + 1
        top, left = max(int(cy) - reach, 0), max(int(cx) - reach, 0)
        part = planes[rng.integers(len(heights)), top : int(cy) + reach, left : int(cx) + reach]
        rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
        distance = np.hypot(rows + top - cy, columns + left - cx) - radius
        part += (rng.uniform(0.2, 1) * np.exp(-((distance / wall) ** 2) / 2)).astype(np.float32)
    return planes


def meshes(rng, size, step, heights):
    """Actin-like meshes: the edges of Voronoi cells, some missing, in up to three planes."""
    planes = np.zeros((len(heights), size, size), np.float32)
    for plane in planes[:: max(1, len(heights) // 3)]:
        count = int((size * step / rng.uniform(1.5, 5)) ** 2)
        points = rng.uniform(-0.2, 1.2, (count, 2))
        cells = spatial.Voronoi(points * size)
        for a, b in cells.ridge_vertices:
            if a >= 0 and b >= 0 and rng.random() < 0.8:
                ends = cells.vertices[[a, b]]
                if np.abs(ends - size / 2).max() < size:
                    stroke(plane, *ends[0], *ends[1], rng.uniform(0.2, 1))
    return ndimage.gaussian_filter(planes, (0, 0.6, 0.6))


def glyphs(rng, size, step, heights):
    """Siemens stars and text-like strokes in one plane: shapes no cell has, with every direction and fineness."""
    planes = np.zeros((len(heights), size, size), np.float32)
    plane = planes[len(heights) // 2]
    rows, columns = np.mgrid[:size, :size]
    for _ in range(rng.integers(1, 4)):
        cy, cx = rng.uniform(0.2, 0.8, 2) * size
        radius, spokes = rng.uniform(4, 12) / step, rng.integers(8, 30)
        angle = np.arctan2(rows - cy, columns - cx) + rng.uniform(0, 6.3)
        plane[(np.sin(spokes * angle) > 0) & (np.hypot(rows - cy, columns - cx) < radius)] += rng.uniform(0.3, 1)
    for line in range(rng.integers(2, 8)):
        y, x, height = rng.uniform(0, size), rng.uniform(0, size / 2), rng.uniform(1.5, 5) / step
        value = rng.uniform(0.3, 1)
        for _ in range(rng.integers(4, 20)):
            knots = rng.integers(0, 3, (4, 2)) * height / 2
            for a, b in zip(knots, knots[1:]):
                for shift in (0, 1):
                    stroke(plane, y + a[0] + shift, x + a[1], y + b[0] + shift, x + b[1], value)
            x += height * 1.3
    return planes


def real_nuclei(rng, size, step, heights):
    """Real nuclei (StarDist's example image, not trained on) as flat structure at 0.25 µm a pixel; None without the data."""
    images = real.load(["nuclei/stardist"])
    if not images:
        return None
    image = ndimage.gaussian_filter(next(iter(images.values())), 0.7)
    zoomed = ndimage.zoom(image, 0.25 / step, order=1)
    y, x = (rng.integers(0, n - size + 1) for n in zoomed.shape)
    planes = np.zeros((len(heights), size, size), np.float32)
    planes[len(heights) // 2] = zoomed[y : y + size, x : x + size]
    return planes


FAMILIES = {f.__name__: f for f in (trees, rings, meshes, glyphs, real_nuclei)}
