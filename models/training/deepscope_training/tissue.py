"""Specimens that fill a depth of tens of µm, for training: the head of *C. elegans*, and cells in a gel."""

import numpy as np

from .specimens import log_uniform


def ellipsoids(scene, centres, radii, turns, weights, soft=0.15, hollow=0.0):
    """Add filled ellipsoids.

    centres: (N, 3) x, y, z in µm; radii: (N, 3) semi-axes in µm, the third along z; turns: (N,) angle of the first in the plane;
    weights: (N,) density; soft: width of the edge as a fraction of the radius; hollow: how much of the middle is missing (0-1).
    """
    grid = (np.arange(scene.size) + 0.5) * scene.step
    for (cx, cy, cz), (a, b, c), turn, weight in zip(centres, radii, turns, weights):
        reach = max(a, b) * (1 + 4 * soft)
        rows, columns = (slice(*np.searchsorted(grid, (v - reach, v + reach))) for v in (cy, cx))
        levels = slice(*np.searchsorted(scene.heights, (cz - c * (1 + 4 * soft), cz + c * (1 + 4 * soft))))
        if rows.start == rows.stop or columns.start == columns.stop or levels.start == levels.stop:
            continue
        dy, dx = grid[rows, None] - cy, grid[None, columns] - cx
        flat = ((dx * np.cos(turn) + dy * np.sin(turn)) / a) ** 2 + ((dy * np.cos(turn) - dx * np.sin(turn)) / b) ** 2
        distance = np.sqrt(flat[None] + ((scene.heights[levels, None, None] - cz) / c) ** 2)
        body = 1 / (1 + np.exp(np.clip((distance - 1) / (0.3 * soft), -30, 30)))
        if hollow:
            body *= 1 - hollow * np.clip(1.2 - distance, 0, 1)
        scene.planes[levels, rows, columns] += (weight * body).astype(np.float32)


def apart(rng, draw, count, distance, tries=12):
    """Up to `count` points from `draw(n)` (n, 3), none nearer to another than `distance` µm: dart throwing, crowded if need be."""
    kept = np.empty((0, 3))
    for point in draw(count * tries):
        if len(kept) == count:
            break
        if len(kept) == 0 or ((kept - point) ** 2).sum(1).min() > distance**2:
            kept = np.vstack([kept, point])
    return kept


def worm_head(rng, scene):
    """Nuclei of the head of *C. elegans*: 50-250 ellipsoids of 2-5 µm in a tube 20-40 µm thick, many of them crowded in the ring
    of the nerve, the others in ganglia along the wall; now and then a dim body around them."""
    radius, angle = rng.uniform(10, 20), rng.uniform(0, 2 * np.pi)
    middle = scene.width / 2 + rng.normal(0, 8, 2)
    height, ring = rng.normal(0, 3), rng.normal(0, 8)
    share = rng.uniform(0.3, 0.6)

    def draw(n):
        along = np.where(rng.random(n) < share, rng.normal(ring, 6, n), rng.uniform(-50, 50, n))
        around, out = rng.uniform(0, 2 * np.pi, n), radius * rng.uniform(0.3, 0.92, n)
        across = out * np.cos(around) * (1 - 0.3 * np.clip(np.abs(along) / 50, 0, 1))
        x = middle[0] + along * np.cos(angle) - across * np.sin(angle)
        y = middle[1] + along * np.sin(angle) + across * np.cos(angle)
        return np.stack([x, y, height + out * np.sin(around)], 1)

    centres = apart(rng, draw, int(rng.integers(50, 250)), rng.uniform(2.0, 3.2))
    size = rng.uniform(1.0, 2.5, (len(centres), 1)) * rng.uniform(0.7, 1.0, (len(centres), 3))
    weights = rng.lognormal(0, rng.uniform(0.1, 0.7), len(centres))
    ellipsoids(scene, centres, size, rng.uniform(0, np.pi, len(centres)), weights, rng.uniform(0.1, 0.4), rng.choice([0, 0, 0.6]))
    if rng.random() < 0.4:
        body = log_uniform(rng, 0.003, 0.05)
        ellipsoids(scene, [(*middle, height)], [(60, radius, radius)], [angle], [body], 0.2)


def cells_in_gel(rng, scene):
    """Round and oval bodies of 2-12 µm anywhere in the volume, filled or stained at the surface, few to many."""
    count, typical = int(log_uniform(rng, 4, 150)), log_uniform(rng, 1, 5)
    centres = np.stack([*rng.uniform(0, scene.width, (2, count)), rng.uniform(-1.1, 1.1, count) * scene.depth], 1)
    radii = np.clip(typical * rng.lognormal(0, 0.25, (count, 1)), 0.6, 6) * rng.uniform(0.6, 1, (count, 3))
    weights = rng.lognormal(0, 0.5, count)
    ellipsoids(scene, centres, radii, rng.uniform(0, np.pi, count), weights, rng.uniform(0.05, 0.4), rng.choice([0, 0.5, 1.0]))


def points_in_depth(rng, scene):
    """Single points and small clusters of them, evenly spread over the whole depth: sparse to crowded, equal or of several brightnesses."""
    count = int(log_uniform(rng, 20, 2500))
    x, y = rng.uniform(0, scene.width, (2, count, 1))
    z = rng.uniform(-1, 1, (count, 1)) * scene.depth
    weight = np.exp(rng.normal(0, rng.choice([0, 0.3, 1.0]), (count, 1)))
    spread = rng.choice([0.0, 0.05, 0.15, 0.4])
    scene.splat(*(v + rng.normal(0, spread, (count, 8)) for v in (x, y, z)), weight)


FAMILIES = {f.__name__: f for f in (worm_head, cells_in_gel, points_in_depth)}
