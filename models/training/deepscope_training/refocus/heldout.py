"""Specimens in depth for evaluation only: other code and other shapes than those of training.

Each family returns planes (Z, size, size) of non-negative density on a grid of `step` µm at `heights` µm.
"""

import numpy as np
from scipy import ndimage


def deposit(size, step, heights, x, y, z, weight):
    """Planes with `weight` at the nearest sample of each point (x, y, z) µm, which spreads over the height's two planes; outside is lost."""
    planes = np.zeros((len(heights), size, size), np.float32)
    x, y, z, weight = (np.ravel(v) for v in np.broadcast_arrays(x, y, z, weight))
    column, row = np.floor(x / step).astype(int), np.floor(y / step).astype(int)
    level = np.interp(z, heights, np.arange(len(heights)), left=-1, right=-1)
    inside = (column >= 0) & (row >= 0) & (column < size) & (row < size) & (level >= 0)
    column, row, level, weight = column[inside], row[inside], level[inside], weight[inside]
    low = np.floor(level).astype(int)
    high = np.minimum(low + 1, len(heights) - 1)
    np.add.at(planes, (low, row, column), weight * (1 - (level - low)))
    np.add.at(planes, (high, row, column), weight * (level - low))
    return planes


def dust(rng, size, step, heights):
    """Points at the sites of a jittered lattice with gaps, every brightness from 1 to 1/10."""
    spacing = rng.uniform(5, 10)
    ticks = np.arange(0, size * step, spacing)
    levels = np.arange(heights[0], heights[-1], rng.uniform(2, 5))
    x, y, z = (v.ravel() for v in np.meshgrid(ticks, ticks, levels))
    kept = rng.random(x.size) < rng.uniform(0.1, 0.5)
    x, y, z = (v[kept] + rng.uniform(-2, 2, kept.sum()) for v in (x, y, z))
    return deposit(size, step, heights, x, y, z, 10 ** -rng.uniform(0, 1, len(x)))


def shells(rng, size, step, heights):
    """Hollow balls of 1.5-5 µm diameter with a grainy surface."""
    count = int(rng.integers(40, 200))
    centre = np.stack([*rng.uniform(0, size * step, (2, count)), rng.uniform(heights[0], heights[-1], count)])
    radius = rng.uniform(0.75, 2.5, count)
    turn, lift = rng.uniform(0, 2 * np.pi, (count, 500)), np.arcsin(rng.uniform(-1, 1, (count, 500)))
    x = centre[0][:, None] + radius[:, None] * np.cos(lift) * np.cos(turn)
    y = centre[1][:, None] + radius[:, None] * np.cos(lift) * np.sin(turn)
    z = centre[2][:, None] + radius[:, None] * np.sin(lift)
    return deposit(size, step, heights, x, y, z, rng.uniform(0.3, 1, (count, 1)) * np.ones_like(x))


def helices(rng, size, step, heights):
    """Springs of 1-4 µm radius that lie and climb in every direction."""
    points = []
    for _ in range(int(rng.integers(10, 50))):
        t = np.arange(0, rng.uniform(20, 120), 0.05)
        radius, pitch = rng.uniform(1, 4), rng.uniform(0.3, 1.5)
        curve = np.stack([pitch * t, radius * np.cos(t), radius * np.sin(t)])
        base, _ = np.linalg.qr(rng.normal(0, 1, (3, 3)))
        start = np.array([*rng.uniform(0, size * step, 2), rng.uniform(heights[0], heights[-1])])
        points.append((base @ curve + start[:, None], np.full(len(t), rng.uniform(0.3, 1))))
    x, y, z = np.concatenate([p for p, _ in points], 1)
    return deposit(size, step, heights, x, y, z, np.concatenate([w for _, w in points]))


def ganglia(rng, size, step, heights):
    """Nuclei in a curved cord: balls of 2-5 µm painted by distance, packed along a bent tube, as in a worm's head."""
    t = np.linspace(-50, 50, 400)
    bend, turn = rng.normal(0, 0.006), rng.uniform(0, 2 * np.pi)
    line = np.stack([t * np.cos(turn) - bend * t**2 * np.sin(turn), t * np.sin(turn) + bend * t**2 * np.cos(turn)], 1) + size * step / 2
    planes = np.zeros((len(heights), size, size), np.float32)
    for _ in range(int(rng.integers(60, 180))):
        at = line[int(np.clip(rng.normal(200, 90), 0, 399))] + rng.normal(0, 6, 2)
        z, radius, value = rng.normal(0, 5), rng.uniform(1, 2.5), rng.uniform(0.3, 1)
        first = np.maximum(np.floor((at - radius - 1) / step).astype(int), 0)
        last = np.ceil((at + radius + 1) / step).astype(int)
        part = planes[:, first[1] : max(last[1], 0), first[0] : max(last[0], 0)]
        if part.size:
            zz, yy, xx = np.ogrid[: part.shape[0], : part.shape[1], : part.shape[2]]
            distance = np.sqrt(((xx + first[0]) * step - at[0]) ** 2 + ((yy + first[1]) * step - at[1]) ** 2 + (np.asarray(heights)[zz] - z) ** 2)
            part += (value * np.clip((radius - distance) / 0.4 + 0.5, 0, 1)).astype(np.float32)
    return ndimage.gaussian_filter(planes, (0, 1, 1))


FAMILIES = {f.__name__: f for f in (dust, shells, helices, ganglia)}
