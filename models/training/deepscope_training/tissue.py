"""Specimens that fill a depth of tens of µm, for training: the head of *C. elegans*, cells in a gel, and whatever else may lie crowded in depth."""

import numpy as np

from .scene import STEP_Z
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


def directions(rng, count):
    """(3, count) unit vectors, evenly spread over the sphere."""
    drawn = rng.normal(0, 1, (3, count))
    return drawn / np.linalg.norm(drawn, axis=0)


def anywhere(rng, scene, count):
    """(3, count) x, y, z in µm, evenly spread over the volume."""
    return np.stack([*rng.uniform(0, scene.width, (2, count)), rng.uniform(-1, 1, count) * scene.depth])


def strands_in_depth(rng, scene):
    """Worm-like chains (Kratky & Porod 1949) that run in every direction through the whole depth: few to many, stiff to curled, thin to 1 µm thick."""
    count, spacing = int(log_uniform(rng, 20, 500)), 0.1
    points, persistence = int(log_uniform(rng, 5, 60) / spacing), log_uniform(rng, 1, 60)
    step, place = directions(rng, count), anywhere(rng, scene, count)
    track = np.empty((points, 3, count))
    for t in range(points):
        step = step + rng.normal(0, np.sqrt(spacing / persistence), step.shape)
        step /= np.linalg.norm(step, axis=0)
        place = place + step * spacing
        track[t] = place
    track = track + rng.normal(0, 1, track.shape) * log_uniform(rng, 0.02, 0.5)
    scene.splat(*track.transpose(1, 0, 2), np.exp(rng.normal(0, rng.uniform(0, 0.8), count)))


def grains_in_depth(rng, scene):
    """A texture in three dimensions: a Gaussian random field of any grain, bent, cut or creased, in a round body or everywhere."""
    rows, columns, levels = (np.fft.fftfreq(scene.size, scene.step), np.fft.rfftfreq(scene.size, scene.step), np.fft.fftfreq(len(scene.heights), STEP_Z))
    f = np.sqrt(levels[:, None, None] ** 2 + rows[None, :, None] ** 2 + columns[None, None, :] ** 2).astype(np.float32)
    finest, coarsest = log_uniform(rng, 0.5, 4), log_uniform(rng, 5, 40)
    shape = np.maximum(f, 1 / coarsest) ** (-rng.uniform(1, 4) / 2) * np.exp(-((f * finest) ** 2) / 2)
    field = np.fft.irfftn(np.fft.rfftn(rng.standard_normal(scene.planes.shape, np.float32)) * shape, s=scene.planes.shape).astype(np.float32)
    field /= field.std()
    kind = rng.integers(0, 4)
    if kind == 0:
        field = np.exp(rng.uniform(0.7, 2) * field)
    elif kind == 1:
        field = np.maximum(field - rng.uniform(0.5, 2), 0)
    elif kind == 2:
        field = np.exp(-np.abs(field) * rng.uniform(2, 10))
    else:
        field = 1 / (1 + np.exp(-np.clip(rng.uniform(3, 15) * (field - rng.uniform(0.3, 2)), -60, 60)))
    if rng.random() < 0.6:
        z, y, x = scene.heights[:, None, None], *((np.arange(scene.size) + 0.5) * scene.step for _ in range(2))
        middle, reach = scene.width / 2 + rng.normal(0, 8, 2), rng.uniform(8, 25, 3)
        distance = np.sqrt(((x[None, None, :] - middle[0]) / reach[0]) ** 2 + ((y[None, :, None] - middle[1]) / reach[1]) ** 2 + (z / reach[2]) ** 2)
        field = field / (1 + np.exp(np.clip((distance - 1) / rng.uniform(0.02, 0.2), -30, 30))).astype(np.float32)
    scene.planes += field


def debris_in_depth(rng, scene):
    """Small things of many forms, turned every way, anywhere in the volume: rods, flakes, rings, balls and clusters of points, 0.2-6 µm large."""
    count, grains = int(log_uniform(rng, 50, 2000)), 120
    first, other = directions(rng, count), directions(rng, count)
    third = np.cross(first, other, axis=0)
    third /= np.linalg.norm(third, axis=0) + 1e-9
    second = np.cross(third, first, axis=0)
    radius = np.clip(log_uniform(rng, 0.2, 2) * rng.lognormal(0, 0.5, count), 0.1, 3)
    angle, far = rng.uniform(0, 2 * np.pi, (count, grains)), np.sqrt(rng.random((count, grains)))
    forms = np.array([
        np.stack([2 * far * np.cos(angle), 0 * angle, 0 * angle]),
        np.stack([far * np.cos(angle), far * np.sin(angle), 0 * angle]),
        np.stack([np.cos(angle), np.sin(angle), 0 * angle]),
        directions(rng, count * grains).reshape(3, count, grains) * rng.random((count, grains)) ** (1 / 3),
        rng.normal(0, 0.6, (3, count, 8))[:, :, rng.integers(0, 8, grains)],
    ])  # fmt: skip
    allowed = rng.choice(len(forms), rng.integers(1, 4), replace=False)
    u, v, w = forms[rng.choice(allowed, count), :, np.arange(count)].transpose(1, 0, 2) * radius[:, None]
    x, y, z = (c[:, None] + a[:, None] * u + b[:, None] * v + d[:, None] * w for c, a, b, d in zip(anywhere(rng, scene, count), first, second, third))
    blur = rng.uniform(0, 0.1)
    x, y, z = (value + rng.normal(0, 1, value.shape) * blur for value in (x, y, z))
    scene.splat(x, y, z, (np.exp(rng.normal(0, rng.uniform(0, 0.8), count)) * radius ** rng.uniform(0, 2))[:, None])


FAMILIES = {f.__name__: f for f in (worm_head, cells_in_gel, points_in_depth, strands_in_depth, grains_in_depth, debris_in_depth)}
