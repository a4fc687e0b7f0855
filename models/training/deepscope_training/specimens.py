"""Specimen families that networks are trained on. Each draws structure of random size, density and depth into a Scene.

The families for evaluation are in `heldout.py`: other code, other shapes, never imported here.
"""

import numpy as np

from .scene import noise_field, worm_chains


def log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def filaments(rng, scene):
    """Microtubule-like chains: from a few to a dense net, stiff to wavy, thin to 0.4 µm thick, uneven label."""
    count = int(log_uniform(rng, 5, 300))
    length = log_uniform(rng, 8, 100)
    x, y, z = worm_chains(rng, count, length, log_uniform(rng, 4, 300), 0.1, scene.width, rng.uniform(0, scene.depth))
    weight = np.exp(rng.normal(0, rng.uniform(0, 0.6), (count, 1))) * np.ones_like(x)
    if rng.random() < 0.4:  # speckled label
        weight = weight * (rng.random(x.shape) < rng.uniform(0.1, 0.8))
    thickness = log_uniform(rng, 0.02, 0.25)
    x, y = (v + rng.normal(0, thickness, v.shape) for v in (x, y))
    scene.splat(x, y, z, weight)


def stress_fibres(rng, scene):
    """Bundles with a common direction that bends slowly, 0.2-1.5 µm wide, some of them striated, in a thin layer."""
    count = int(log_uniform(rng, 8, 150))
    points = int(scene.width * 1.6 / 0.1)
    along = (np.arange(points) - points / 2) * 0.1
    direction = rng.uniform(0, np.pi) + rng.normal(0, rng.uniform(0.01, 0.4), (count, 1))
    bend = rng.normal(0, 0.004, (count, 1))
    across = rng.uniform(-0.8, 0.8, (count, 1)) * scene.width + bend * along**2 * 0.3
    cx, cy = np.cos(direction), np.sin(direction)
    x = scene.width / 2 + along * cx - across * cy
    y = scene.width / 2 + along * cy + across * cx
    start, stop = np.sort(rng.uniform(-0.8, 0.8, (2, count, 1)) * scene.width, 0)
    weight = np.exp(rng.normal(0, 0.7, (count, 1))) * ((along > start) & (along < stop))
    period = rng.uniform(0.8, 2.5, (count, 1))
    weight = weight * (1 + rng.uniform(0, 0.9, (count, 1)) * np.cos(2 * np.pi * along / period + rng.uniform(0, 6.3, (count, 1))))
    sigma = np.exp(rng.normal(np.log(0.15), 0.6, (count, 1)))
    z = rng.uniform(-1, 1, (count, 1)) * rng.uniform(0, 0.5) * scene.depth
    x, y, z, weight, sigma = (np.repeat(v, 3, 0) for v in (x, y, z, weight, sigma))
    scene.splat(x + rng.normal(0, 1, x.shape) * sigma, y + rng.normal(0, 1, x.shape) * sigma, z, weight)


def mitochondria(rng, scene):
    """Short thick chains, 0.25-0.8 µm across and 0.5-12 µm long, filled or hollow, gathered around cell centres."""
    count = int(log_uniform(rng, 10, 250))
    length = log_uniform(rng, 0.5, 12)
    x, y, z = worm_chains(rng, count, length, log_uniform(rng, 1, 12), 0.1, scene.width, rng.uniform(0, scene.depth))
    if rng.random() < 0.5:
        pull = rng.uniform(0.2, 0.8)
        cx, cy = rng.uniform(0, scene.width, (2, count, 1))[:, :1]
        x, y = x - pull * (x[:, :1] - cx), y - pull * (y[:, :1] - cy)
    radius = rng.uniform(0.12, 0.4, (count, 1))
    weight = np.exp(rng.normal(0, 0.4, (count, 1)))
    hollow = rng.random() < 0.3
    x, y, z, radius, weight = (np.repeat(v, 6, 0) for v in (x, y, z, radius, weight))
    angle = rng.uniform(0, 2 * np.pi, x.shape)
    r = radius * (1 if hollow else np.sqrt(rng.random(x.shape)))
    scene.splat(x + r * np.cos(angle), y + r * np.sin(angle), z + r * rng.uniform(-1, 1, x.shape), weight)


def nuclei(rng, scene):
    """Flattened ellipsoids of 5-25 µm with chromatin of random grain, nucleoli as holes, some edges sharp."""
    yy, xx = (np.mgrid[: scene.size, : scene.size] + 0.5) * scene.step
    grain, contrast = log_uniform(rng, 0.3, 2.5), rng.uniform(0, 0.8)
    texture = np.exp(contrast * noise_field(rng, scene.size, scene.step, rng.uniform(0, 2.5), grain, rng.uniform(2, 8)))
    spots = noise_field(rng, scene.size, scene.step, 0, rng.uniform(1, 2), 4)
    holes = 1 / (1 + np.exp((spots - rng.uniform(1.2, 2.2)) * 6))
    for _ in range(int(log_uniform(rng, 1, 25))):
        cx, cy = rng.uniform(0, scene.width, 2)
        a = log_uniform(rng, 2.5, 12)
        b, angle, thick = a * rng.uniform(0.5, 1), rng.uniform(0, np.pi), rng.uniform(0.3, 1) * max(scene.depth, 0.5)
        u, v = (xx - cx) * np.cos(angle) + (yy - cy) * np.sin(angle), (yy - cy) * np.cos(angle) - (xx - cx) * np.sin(angle)
        wobble = 1 + 0.06 * np.sin(3 * np.arctan2(v, u) + rng.uniform(0, 6.3))
        distance = np.sqrt((u / a) ** 2 + (v / b) ** 2) / wobble
        brightness, soft = rng.lognormal(0, 0.4), log_uniform(rng, 0.01, 0.1)
        for plane, height in zip(scene.planes, scene.heights):
            cut = 1 - (height / thick) ** 2
            if cut > 0:
                plane += (brightness / (1 + np.exp(np.clip((distance - np.sqrt(cut)) / soft, -30, 30))) * texture * holes).astype(np.float32)


def vesicles(rng, scene):
    """Filled spheres of 0.1-1.5 µm radius, alone or clustered, bright and dim ones mixed."""
    count = int(log_uniform(rng, 5, 700))
    x, y = rng.uniform(0, scene.width, (2, count, 1))
    if rng.random() < 0.5:
        centres = rng.uniform(0, scene.width, (2, int(rng.integers(1, 12))))
        pick = rng.integers(0, centres.shape[1], count)
        spread = log_uniform(rng, 2, 15)
        x, y = (centres[i, pick, None] + rng.normal(0, spread, (count, 1)) for i in (0, 1))
    z = rng.uniform(-1, 1, (count, 1)) * scene.depth * rng.random()
    radius = np.clip(rng.lognormal(np.log(log_uniform(rng, 0.1, 0.8)), 0.3, (count, 1)), 0.05, 1.5)
    direction = rng.normal(0, 1, (3, count, 60))
    r = radius * rng.random((count, 60)) ** (1 / 3) / np.linalg.norm(direction, axis=0)
    weight = np.exp(rng.normal(0, rng.uniform(0, 1), (count, 1))) * radius ** rng.uniform(0, 2)
    scene.splat(x + r * direction[0], y + r * direction[1], z + r * direction[2], weight)


def beads(rng, scene):
    """Point-like beads (below 0.2 µm), sparse to crowded, equal or of several brightnesses."""
    count = int(log_uniform(rng, 3, 1500))
    x, y = rng.uniform(0, scene.width, (2, count, 1))
    z = rng.normal(0, 1, (count, 1)) * scene.depth * rng.choice([0, 0.1, 0.5])
    weight = np.exp(rng.normal(0, rng.choice([0, 0.3, 1.0]), (count, 1)))
    spread = rng.uniform(0, 0.08)
    scene.splat(*(v + rng.normal(0, spread, (count, 6)) for v in (x, y, z)), weight)


def doublets(rng, scene):
    """Points in pairs and short rows, 0.15-2 µm apart, equal or not: what two-point resolution is about."""
    count = int(log_uniform(rng, 5, 400))
    x, y = rng.uniform(0, scene.width, (2, count, 1))
    members = int(rng.integers(2, 4))
    apart, angle = log_uniform(rng, 0.15, 1.2) * np.exp(rng.normal(0, 0.3, (count, 1))), rng.uniform(0, 2 * np.pi, (count, 1))
    along = (np.arange(members) - (members - 1) / 2) * apart
    weight = np.exp(rng.normal(0, rng.choice([0, 0.2, 0.6]), (count, members)))
    z = rng.normal(0, 1, (count, 1)) * scene.depth * rng.choice([0, 0.1, 0.5])
    x, y, z, weight = (np.repeat(v, 6, 1) for v in (x + along * np.cos(angle), y + along * np.sin(angle), z + 0 * along, weight))
    spread = rng.uniform(0, 0.05)
    scene.splat(x + rng.normal(0, spread, x.shape), y + rng.normal(0, spread, x.shape), z, weight)


def membranes(rng, scene):
    """Outlines of cells: closed wobbling curves standing upright through the whole depth."""
    points = []
    for _ in range(int(log_uniform(rng, 4, 60))):
        cx, cy = rng.uniform(0, scene.width, 2)
        radius = log_uniform(rng, 1, 25)
        theta = np.linspace(0, 2 * np.pi, int(2 * np.pi * radius / 0.1))
        order = np.arange(1, 9)[:, None]
        wave = rng.normal(0, 0.25, (8, 1)) / order**1.3 * np.cos(order * theta + rng.uniform(0, 6.3, (8, 1)))
        r = radius * np.clip(1 + wave.sum(0), 0.2, None)
        weight = rng.lognormal(0, 0.4) * np.clip(1 + 0.5 * np.cos(5 * theta + rng.uniform(0, 6.3)), 0.1, None)
        theta, r, weight = (np.repeat(v, 4) for v in (theta, r, weight))
        r = r + rng.normal(0, 0.1, r.shape)
        points.append((cx + r * np.cos(theta), cy + r * np.sin(theta), rng.uniform(-1, 1, r.shape) * scene.depth, weight))
    scene.splat(*(np.concatenate(v) for v in zip(*points)))


def fractal(rng, scene):
    """Natural-looking textures in one or two layers: fractal noise made positive by a bend, an exponential or a cut."""
    for _ in range(int(rng.integers(1, 3))):
        field = noise_field(rng, scene.size, scene.step, rng.uniform(0.5, 4), log_uniform(rng, 0.1, 1), log_uniform(rng, 3, 80))
        kind = rng.integers(0, 4)
        if kind == 0:
            field = np.exp(rng.uniform(0.3, 1.5) * field)
        elif kind == 1:
            field = np.maximum(field - rng.uniform(-1, 1.5), 0)
        elif kind == 2:  # creases: a fibrous look
            field = np.exp(-np.abs(field) * rng.uniform(1, 8))
        else:
            field = 1 / (1 + np.exp(-np.clip(rng.uniform(2, 15) * (field - rng.uniform(-0.5, 1.5)), -60, 60)))
        scene.sheet(field.astype(np.float32), rng.uniform(-1, 1) * scene.depth * rng.random())


def dead_leaves(rng, scene):
    """Occluding discs, ellipses and bars with sizes as in natural scenes (Lee, Mumford & Huang 2001): edges of every contrast."""
    picture = np.full((scene.size, scene.size), rng.uniform(0, 0.5), np.float32)
    grid = np.arange(scene.size) * scene.step
    smallest = log_uniform(rng, 0.5, 4)
    for _ in range(int(log_uniform(rng, 100, 1500))):
        reach = min(smallest / np.sqrt(rng.random() + 1e-3), scene.width / 3)
        cx, cy = rng.uniform(0, scene.width, 2)
        rows = slice(*np.searchsorted(grid, (cy - reach, cy + reach)))
        columns = slice(*np.searchsorted(grid, (cx - reach, cx + reach)))
        dy, dx = grid[rows, None] - cy, grid[None, columns] - cx
        angle, squeeze = rng.uniform(0, np.pi), rng.uniform(0.15, 1)
        u, v = dx * np.cos(angle) + dy * np.sin(angle), (dy * np.cos(angle) - dx * np.sin(angle)) / squeeze
        inside = (u**2 + v**2 < reach**2) if rng.random() < 0.7 else (np.maximum(abs(u), abs(v)) < reach * 0.7)
        picture[rows, columns][inside] = rng.random() ** 2
    scene.sheet(picture, rng.uniform(-0.5, 0.5) * scene.depth)


def smooth(rng, scene):
    """Broad, nearly featureless light: what is far from focus, or a cell body without structure."""
    field = noise_field(rng, scene.size, scene.step, 3, log_uniform(rng, 3, 12), 60)
    scene.sheet(np.maximum(field + rng.uniform(0, 2), 0), 0)


def clathrin(rng, scene):
    """Pits and vesicles: puncta, and rings of 0.15-1.2 µm across, alone or in plaques, of uneven brightness."""
    count = int(log_uniform(rng, 10, 600))
    x, y = rng.uniform(0, scene.width, (2, count, 1))
    z = rng.uniform(-1, 1, (count, 1)) * scene.depth * rng.random()
    radius = log_uniform(rng, 0.08, 0.6) * np.exp(rng.normal(0, 0.2, (count, 1)))
    hollow = rng.random((count, 1)) < rng.random()
    angle = rng.uniform(0, 2 * np.pi, (count, 50))
    r = radius * np.where(hollow, 1, np.sqrt(rng.random((count, 50)))) + rng.normal(0, 0.03, (count, 50))
    weight = np.exp(rng.normal(0, rng.uniform(0, 0.8), (count, 1))) * np.where(rng.random((count, 50)) < rng.uniform(0.5, 1), 1, 0)
    scene.splat(x + r * np.cos(angle), y + r * np.sin(angle), z + radius * rng.uniform(-1, 1, (count, 50)), weight)


def reticulum(rng, scene):
    """Endoplasmic reticulum: a net of tubules (nodal lines of a smooth field), denser to the cell's middle, with sheets here and there."""
    for _ in range(int(rng.integers(1, 3))):
        mesh = log_uniform(rng, 0.8, 3)
        field = noise_field(rng, scene.size, scene.step, 0, mesh, 4 * mesh)
        slope = np.hypot(*np.gradient(field, scene.step)) + 0.1 / mesh
        tubules = np.exp(-((field / slope / log_uniform(rng, 0.05, 0.2)) ** 2) / 2)
        sheets = 1 / (1 + np.exp(-8 * (noise_field(rng, scene.size, scene.step, 2, 2, 20) - rng.uniform(0.8, 2))))
        label = np.exp(rng.uniform(0, 0.5) * noise_field(rng, scene.size, scene.step, 1, 0.3, 5))
        cell = np.exp(rng.uniform(0, 1) * noise_field(rng, scene.size, scene.step, 3, 8, 60))
        scene.sheet((tubules + rng.uniform(0, 0.8) * sheets) * label * cell, rng.uniform(-1, 1) * scene.depth * rng.random())


def golgi(rng, scene):
    """Ribbons of short, thick, parallel cisternae folded around a few places, with vesicles near by."""
    for _ in range(int(log_uniform(rng, 1, 12))):
        cx, cy = rng.uniform(0, scene.width, 2)
        count = int(rng.integers(3, 25))
        x, y, z = worm_chains(rng, count, log_uniform(rng, 1, 6), rng.uniform(1, 5), 0.08, 1.0, 0.5 * scene.depth)
        spread = log_uniform(rng, 0.8, 4)
        x, y = (v - v.mean(1, keepdims=True) + c + rng.normal(0, spread, (count, 1)) for v, c in ((x, cx), (y, cy)))
        for shift in range(int(rng.integers(1, 4))):
            thick = rng.uniform(0.05, 0.15)
            scene.splat(x + 0.25 * shift + rng.normal(0, thick, x.shape), y + rng.normal(0, thick, x.shape), z, rng.uniform(0.4, 1))
        dots = int(rng.integers(0, 60))
        scene.splat(*(c + rng.normal(0, 2 * spread, dots) for c in (cx, cy)), rng.normal(0, 0.3, dots) * scene.depth, 8.0)


FAMILIES = {
    f.__name__: f
    for f in (
        filaments, stress_fibres, mitochondria, nuclei, vesicles, beads, doublets, membranes, clathrin, reticulum, golgi, fractal, dead_leaves, smooth,
    )
}  # fmt: skip
