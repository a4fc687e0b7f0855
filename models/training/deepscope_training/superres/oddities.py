"""Structure that no specimen of the training has, for the lookout to learn from: drawn figures and patterns, each with its place.

None of them is a kind that `npm run evaluate:trust` measures (letters, square lattices, grids, rings, mazes): what the lookout finds there,
it has not been shown.
"""

import numpy as np
from scipy import ndimage

FINE = 4  # samples along a camera pixel
RESOLVED_UM = 1.2  # dots nearer than this are a disc to a 10×/0.4
SPREAD_UM = (0.24, 0.6)  # deviation of the blur: from in focus to the edge of the specimen


def turned(points, angle):
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, -s], [s, c]])


def polygon(rng, radius):
    corners = np.arange(rng.choice([3, 5, 6]) + 1)
    return [np.stack([np.cos(2 * np.pi * corners / corners[-1]), np.sin(2 * np.pi * corners / corners[-1])], 1)]


def star(rng, radius):
    points = int(rng.integers(4, 8))
    angle = np.pi * np.arange(2 * points + 1) / points
    radius = np.where(np.arange(2 * points + 1) % 2, rng.uniform(0.35, 0.55), 1)
    return [np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)]


def cross(rng, radius):
    arms, reach = int(rng.integers(2, 5)), rng.uniform(0.6, 1, 8)
    return [np.outer((-reach[k], reach[k + 4]), (np.cos(np.pi * k / arms), np.sin(np.pi * k / arms))) for k in range(arms)]


def zigzag(rng, radius):
    count = int(rng.integers(4, 9))
    return [np.stack([np.linspace(-1, 1, count), rng.uniform(0.3, 0.8) * (-1.0) ** np.arange(count)], 1)]


def spiral(rng, radius):
    t = np.linspace(0.08, 1, 90)
    angle = 2 * np.pi * rng.uniform(1.5, 3.2) * t
    return [np.stack([t * np.cos(angle), t * np.sin(angle)], 1)]


def eight(rng, radius):
    t = np.linspace(0, 2 * np.pi, 90)
    return [np.stack([np.cos(t), rng.uniform(0.5, 1) * np.sin(2 * t)], 1)]


def arcs(rng, radius):
    t = np.linspace(0, np.pi * rng.uniform(0.4, 1.1), 60)
    return [r * np.stack([np.cos(t), np.sin(t)], 1) for r in np.linspace(0.3, 1, int(rng.integers(3, 5)))]


def comb(rng, radius):
    teeth = np.linspace(-1, 1, int(rng.integers(4, 7)))
    return [np.array([[-1, -0.6], [1, -0.6]])] + [np.array([[x, -0.6], [x, 0.6]]) for x in teeth]


def dots(rng, radius):
    """A patch of a lattice, or a wheel of dots, at least RESOLVED_UM apart."""
    least = RESOLVED_UM / radius
    if rng.random() < 0.25:
        count = int(rng.integers(5, max(6, min(12, 2 * np.pi / least)) + 1))
        angle = 2 * np.pi * np.arange(count) / count
        found = np.stack([np.cos(angle), np.sin(angle)], 1)
    else:
        step, lean = rng.uniform(least, max(0.5, 1.2 * least)), np.radians(rng.uniform(50, 75))
        i, j = (v.ravel() for v in np.mgrid[-9:10, -9:10])
        aside = rng.uniform(0.9, 1.3)
        found = step * np.stack([i + aside * np.cos(lean) * j, aside * np.sin(lean) * j], 1)
        found = found[(np.hypot(*found.T) <= 1) if rng.random() < 0.5 else (abs(found) <= 0.8).all(1)]
    return [np.repeat(point[None], 2, 0) for point in found]


#: and how often each is drawn. Spirals and zigzags are rare: faint ones look like filaments.
FIGURES = {polygon: 3, star: 2, cross: 2, zigzag: 0.5, spiral: 0.5, eight: 1, comb: 2, arcs: 1, dots: 8}


def trace(lines, size, step):
    """Density (size, size) of polylines in samples, evenly along their length; a line of no length is a dot."""
    points = []
    for line in lines:
        for a, b in zip(line[:-1], line[1:]):
            count = max(1, int(np.hypot(*(b - a)) / step))
            points.append(a + (b - a) * (np.arange(count)[:, None] + 0.5) / count)
    points = np.concatenate(points)
    inside = ((points >= 0) & (points < size - 1)).all(1)
    low = np.floor(points[inside]).astype(int)
    part = points[inside] - low
    density = np.zeros(size * size)
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dy - part[:, 1]) * np.abs(1 - dx - part[:, 0])
            density += np.bincount((low[:, 1] + dy) * size + low[:, 0] + dx, share, size * size)
    return density.reshape(size, size)


def seen(density, pixel, rng):
    """As the camera sees it: blurred, and averaged over pixels of `pixel` µm. The brightest is 1."""
    spread = rng.uniform(*SPREAD_UM) if rng.random() < 0.5 else SPREAD_UM[0]
    blurred = ndimage.gaussian_filter(density, spread * FINE / pixel)
    size = density.shape[0] // FINE
    picture = blurred.reshape(size, FINE, size, FINE).mean((1, 3))
    return (picture / max(picture.max(), 1e-12)).astype(np.float32)


def drawn(rng):
    """One of FIGURES at random."""
    chance = np.array(list(FIGURES.values()))
    return list(FIGURES)[rng.choice(len(FIGURES), p=chance / chance.sum())]


def figure(rng, pixel, size=32):
    """One figure of 6 to 14 µm in the middle of `size`² camera pixels."""
    fine, radius = size * FINE, rng.uniform(3, 7)
    angle, squeeze = rng.uniform(0, 2 * np.pi), np.array([1, rng.uniform(0.8, 1)])
    middle = fine / 2 + rng.uniform(-FINE, FINE, 2)
    lines = [turned(line * squeeze, angle) * radius * FINE / pixel + middle for line in drawn(rng)(rng, radius)]
    return seen(trace(lines, fine, 1), pixel, rng)


def pattern(rng, pixel, size=128):
    """A whole field: figures in rows, honeycombs, stripes, waves, hexagonal dots, herringbones, checks."""
    fine = size * FINE
    pitch = rng.uniform(4, 12) * FINE / pixel
    kind = rng.integers(6)
    y, x = np.mgrid[:fine, :fine].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    if kind == 0:
        wave = rng.uniform(0, 0.5) * pitch * np.sin(2 * np.pi * v / (pitch * rng.uniform(1.5, 4)))
        density = np.exp(-(((np.mod((u + wave) / pitch, 1) - 0.5) * pitch / (0.4 * FINE)) ** 2))
    elif kind == 1:
        density = ((np.floor(u / pitch) + np.floor(v / pitch)) % 2).astype(float)
    else:
        lines = []
        reach = int(fine / pitch) + 3
        same = drawn(rng)
        jitter = rng.choice([0, 0.15])
        for j in range(-reach, reach):
            for i in range(-reach, reach):
                place = turned(np.array([[(i + 0.5 * (j % 2)) * pitch, j * pitch * 0.866]]) + jitter * pitch * rng.normal(size=(1, 2)), angle) + fine / 2
                if not (-pitch < place.min() and place.max() < fine + pitch):
                    continue
                if kind == 2:  # honeycomb
                    t = np.pi / 6 + np.pi / 3 * np.arange(7)
                    lines.append(turned(np.stack([np.cos(t), np.sin(t)], 1) * pitch * 0.577, angle) + place)
                elif kind == 3:  # dots, close together
                    lines.append(np.repeat(place, 2, 0))
                    lines.append(np.repeat(place + turned(np.array([[pitch / 2, 0]]), angle), 2, 0))
                elif kind == 4:  # herringbone
                    lines.append(turned(np.array([[-0.45, 0.3 * (-1) ** j], [0, -0.3], [0.45, 0.3 * (-1) ** j]]) * pitch, angle) + place)
                else:
                    turn = rng.choice([0, rng.uniform(0, 6.3)])
                    lines += [turned(line, turn) * pitch * 0.42 + place for line in same(rng, 0.42 * pitch * pixel / FINE)]
        density = trace(lines, fine, 1)
    return seen(density, pixel, rng)
