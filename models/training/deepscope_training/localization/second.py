"""A second set of cells to judge by, written without sight of the training's cells or the first judged ones: points strewn along walks, graphs and lattices."""

from itertools import product

import numpy as np
from scipy import ndimage, spatial

from ..scene import noise_field

VERSION = 1
HEIGHTS = np.linspace(-1.2, 1.2, 5)  # µm
STRIDE = 0.1  # µm from point to point along a filament
NEIGHBOUR = 0.4  # how often a second cell is in the field


def contour(rng, radius, aspect, tilt, rough, lobes=()):
    """A closed outline as a function angle -> distance in µm: an ellipse of mean `radius` with harmonics, and lobes (angle, height, sharpness) drawn out of it."""
    order = np.arange(2, 8)
    amount, phase = rng.normal(0, rough, len(order)) / order, rng.uniform(0, 2 * np.pi, len(order))

    def distance(angle):
        oval = radius / np.sqrt(np.cos(angle - tilt) ** 2 / aspect + np.sin(angle - tilt) ** 2 * aspect)
        waves = sum(a * np.cos(k * angle + p) for a, k, p in zip(amount, order, phase))
        return oval * np.exp(waves) * (1 + sum(h * np.exp(s * (np.cos(angle - a) - 1)) for a, h, s in lobes))

    return distance


class Frame:
    """One cell on the canvas, in µm: spread, epithelial or spindle-shaped, 20 to 50 across, 0.4 to 6 high, its nucleus 9 to 20 long and the centrosome beside it.

    inward is the distance from the border (0 outside), away that from the nucleus (negative in it), height the cell's above the glass at -1.2.
    """

    def __init__(self, rng, size, step, centre, taken=None):
        self.rng, self.size, self.step, self.centre = rng, size, step, centre
        self.kind = str(rng.choice(["spread", "epithelial", "spindle"], p=[0.45, 0.3, 0.25]))
        self.tilt = rng.uniform(0, np.pi)
        low, high, slim, rough, lobes = {"spread": (12, 17, 1.6, 0.3, 4), "epithelial": (10, 15, 1.4, 0.2, 0), "spindle": (9.5, 12.5, 2.6, 0.25, 3)}[self.kind]
        self.radius, aspect = rng.uniform(low, high), rng.uniform(1 if lobes != 3 else 1.6, slim)
        pulled = [(rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5), rng.uniform(5, 25)) for _ in range(rng.integers(lobes + 1))]
        self.outline = contour(rng, self.radius, aspect, self.tilt, rough, pulled)
        ratio, lean = rng.uniform(1, 1.7), self.tilt + rng.normal(0, 0.3)
        self.core = rng.uniform(4.8, min(8, 0.55 * self.radius + 0.5))
        self.shell = contour(rng, self.core, ratio, lean, 0.06)
        self.heart = self.centre + np.clip(rng.normal(0, 0.1, 2), -0.2, 0.2) * self.radius
        self.y, self.x = np.mgrid[:size, :size].astype(np.float32) * step
        far, angle = self.polar(self.centre)
        away, self.bearing = self.polar(self.heart)
        self.away = away - self.shell(self.bearing)
        body = ndimage.gaussian_filter(((far < self.outline(angle)) | (self.away < rng.uniform(1.2, 3))).astype(np.float32), 0.6 / step) > 0.5
        self.body = body if taken is None else body & ~taken
        whole = self.body.all() or not self.body.any()
        self.inward = np.where(self.body, self.radius, 0.0) if whole else ndimage.distance_transform_edt(self.body) * step
        thick, thin = rng.uniform(3, 6), rng.uniform(0.3, 0.7)
        self.height = (thin + thick * (1 - np.exp(-self.inward / rng.uniform(3, 7))) * np.exp(-np.maximum(self.away, 0) / rng.uniform(6, 14))) * self.body
        self.side = rng.uniform(0, 2 * np.pi)
        self.centrosome = self.heart + (self.shell(self.side) + rng.uniform(0.6, 1.8)) * np.array([np.sin(self.side), np.cos(self.side)])
        self.cytoplasm = self.body & (self.away > 0.15)

    def polar(self, point):
        return np.hypot(self.y - point[0], self.x - point[1]), np.arctan2(self.y - point[0], self.x - point[1])

    def empty(self):
        return np.zeros((len(HEIGHTS), self.size, self.size), np.float32)

    def noise(self, finest, coarsest, exponent=2.5):
        return noise_field(self.rng, self.size, self.step, exponent, finest, coarsest)

    def at(self, plane, y, x):
        """The plane's values at points; the edge's beyond it."""
        rows, columns = (np.clip((v / self.step).astype(int), 0, self.size - 1) for v in (y, x))
        return plane[rows, columns]

    def pick(self, count, odds):
        """Random points (y, x), as likely as `odds` says for each sample."""
        total = np.cumsum(odds, dtype=np.float64)
        if total[-1] <= 0:
            return np.zeros(0), np.zeros(0)
        flat = np.searchsorted(total, self.rng.uniform(0, total[-1], int(count)))
        return tuple((v + self.rng.uniform(0, 1, len(flat))) * self.step for v in np.divmod(np.minimum(flat, total.size - 1), self.size))

    def lift(self, y, x, share):
        """Heights of points at the share 0 to 1 of the cell's height, within the planes."""
        return np.minimum(HEIGHTS[0] + share * np.minimum(self.at(self.height, y, x), 3.0), HEIGHTS[-1])


def strew(planes, frame, y, x, z, weight):
    """Add points in µm, each shared among the eight samples around it."""
    y, x, z, weight = (np.ravel(v) for v in np.broadcast_arrays(y, x, z, weight))
    place = [(z - HEIGHTS[0]) / (HEIGHTS[1] - HEIGHTS[0]), y / frame.step, x / frame.step]
    inside = (weight > 0) & np.all([(p >= 0) & (p <= n - 1) for p, n in zip(place, planes.shape)], 0)
    place, weight = [p[inside] for p in place], weight[inside]
    low = [np.minimum(p.astype(int), n - 2) for p, n in zip(place, planes.shape)]
    for corner in product((0, 1), repeat=3):
        share = np.prod([1 - np.abs(p - a - c) for p, a, c in zip(place, low, corner)], 0)
        index = np.ravel_multi_index([a + c for a, c in zip(low, corner)], planes.shape)
        planes += np.bincount(index, share * weight, planes.size).reshape(planes.shape).astype(np.float32)


def walk(frame, y, x, angle, length, stiff, allowed, climb, pull):
    """Paths (N, points) of y, x and which points lie before each one's end: walkers of persistence `stiff` µm that turn up the slope of `climb`; they end at
    their length (µm) or where they are not allowed."""
    slope = np.gradient(ndimage.gaussian_filter(climb, 0.3 / frame.step), frame.step) if pull else None
    path, length, going = [], np.broadcast_to(length, len(y)), np.ones(len(y), bool)
    for i in range(int(length.max(initial=0) / STRIDE)):
        turn = pull * STRIDE * (np.cos(angle) * frame.at(slope[0], y, x) - np.sin(angle) * frame.at(slope[1], y, x)) if pull else 0
        angle = angle + frame.rng.normal(0, np.sqrt(STRIDE / stiff), len(y)) + turn
        y, x = y + STRIDE * np.sin(angle), x + STRIDE * np.cos(angle)
        going = going & (i * STRIDE < length) & frame.at(allowed, y, x)
        path.append((y, x, going))
    return [np.stack(v, 1) for v in zip(*path)] if path else [np.zeros((len(y), 0))] * 3


def soften(planes, frame, radius):
    return ndimage.gaussian_filter(planes, (0, radius / frame.step, radius / frame.step), truncate=3)


def vesicles(planes, frame, y, x, radius, weight, hollow=0.0):
    """Balls of `radius` µm, filled (hollow 0) to bright at the rim (1), each a sunflower of 120 points."""
    turn, share = np.arange(120) * np.pi * (3 - np.sqrt(5)), (np.arange(120) + 0.5) / 120
    spoke = (1 - hollow) * np.sqrt(1 - (1 - share) ** (2 / 3)) + hollow * share**0.2
    z, radius = frame.lift(y, x, frame.rng.uniform(0.1, 1, len(y)))[:, None], np.broadcast_to(radius, len(y))[:, None]
    z = np.clip(z + radius * np.sqrt(1 - spoke**2) * np.where(np.arange(120) % 2, 0.6, -0.6), HEIGHTS[0], HEIGHTS[-1])
    strew(planes, frame, y[:, None] + radius * spoke * np.sin(turn), x[:, None] + radius * spoke * np.cos(turn), z, np.broadcast_to(weight, len(y))[:, None])


def filled(frame, plane, height):
    """A plane's density from the glass up to `height` (µm above it)."""
    layers = np.clip((height[None] - (HEIGHTS - HEIGHTS[0])[:, None, None]) / 0.6 + 0.5, 0, 1)
    return (plane * layers / len(HEIGHTS)).astype(np.float32)


def cytosol(frame, nucleus):
    """Cloudy haze of the whole cell, `nucleus` times as dense in the nucleus."""
    soft = np.exp(0.18 * frame.noise(0.3, 4)) * np.where(frame.away < 0, nucleus, 1.0)
    return soften(filled(frame, soft * frame.body, frame.height), frame, 0.15)


def peak(plane, share):
    """The brightness of a plane's structure: the quantile `share`, or a third of the largest where little of the structure is on the canvas."""
    return max(float(np.quantile(plane, share)), float(plane.max()) / 3, 1e-9)


def mix(frame, structure, haze):
    """The structure, about 1 where it is brightest, the glow of what lies above the planes, haze = (share, planes) and now and then the label's stray specks."""
    seen = ndimage.gaussian_filter(structure.sum(0), 0.15 / frame.step)
    glow = frame.rng.uniform(0.05, 0.4) * ndimage.gaussian_filter(seen, frame.rng.uniform(0.6, 1.2) / frame.step) / len(HEIGHTS)
    structure = (structure + glow) / peak(seen, 0.998) + haze[0] * haze[1]
    if frame.rng.random() < 0.4:
        specks = frame.empty()
        vesicles(specks, frame, *frame.pick(frame.rng.integers(5, 60), frame.body), 0.12, 1.0)
        structure += frame.rng.uniform(0.003, 0.012) * specks * (0.1 / frame.step) ** 2
    return structure.astype(np.float32)


def nucleolar(frame, count, low=0.7, high=2.0):
    """Nucleoli as a soft plane 0 to 1: rough rounded bodies of radius `low` to `high` µm inside the nucleus, apart from each other."""
    plane, put = np.zeros((frame.size, frame.size), np.float32), []
    for y, x in zip(*frame.pick(8 * count, frame.away < -1.3)):
        radius = frame.rng.uniform(low, high) * (0.75 if count > 3 else 1) * frame.core / 6.5
        if len(put) < count and all(np.hypot(y - b, x - a) > radius + r + 0.4 for b, a, r in put):
            edge = contour(frame.rng, radius, frame.rng.uniform(1, 1.7), frame.rng.uniform(0, np.pi), 0.25)
            far, angle = frame.polar((y, x))
            plane = np.maximum(plane, np.clip((edge(angle) - far) / 0.25 + 0.5, 0, 1) * (frame.away < -0.3))
            put.append((y, x, radius))
    return plane


def dome(frame):
    """The nucleus as a soft plane, 1 in the middle and lower at the edge, as its height is."""
    return np.clip(-frame.away / 0.3, 0, 1) * (0.6 + 0.4 * np.sqrt(np.clip(-frame.away / (0.6 * frame.core), 0, 1)))


def nucleus(rng, frame):
    grain = np.exp(rng.uniform(0.08, 0.35) * frame.noise(rng.uniform(0.15, 0.5), rng.uniform(1, 3)))
    dark = 1 - rng.uniform(0.1, 0.9) * nucleolar(frame, rng.integers(1, 6))
    plane = dome(frame) * grain * dark
    if rng.random() < 0.3:
        plane *= 1 + rng.uniform(0.3, 1) * np.clip(frame.noise(0.3, 1.5) - 1, 0, 1)
    return mix(frame, filled(frame, plane, np.full_like(plane, 3)), (rng.choice([0.02, 0.08, 0.25]) * rng.uniform(0.5, 1.3), cytosol(frame, 0)))


def nucleoli(rng, frame):
    bodies = nucleolar(frame, rng.choice([1, 2, 3, 4, 6], p=[0.15, 0.25, 0.25, 0.2, 0.15]))
    inner = np.exp(rng.uniform(0.05, 0.3) * frame.noise(0.2, 1))
    if rng.random() < 0.35:
        inner *= 0.5 + 1.5 * (frame.noise(0.3, 1) > 1.0)
    elif rng.random() < 0.25:
        inner *= 1.3 - 0.7 * ndimage.gaussian_filter(bodies, 0.5 / frame.step) ** 2
    plane = bodies * inner + rng.uniform(0.05, 0.35) * dome(frame) * np.exp(0.12 * frame.noise(0.3, 2))
    return mix(frame, soften(filled(frame, plane, np.full_like(plane, 3)), frame, 0.08), (rng.uniform(0.01, 0.15), cytosol(frame, 0)))


def reticulum(rng, frame):
    """Tubules 0.1 µm thick along the edges between cells of a Voronoi tiling, meshes of 0.8 µm at the nucleus to 3 at the border, sheets and the envelope."""
    reach = rng.uniform(3.5, 9)
    fall = np.exp(-np.maximum(frame.away, 0) / reach)
    y, x = frame.pick(rng.uniform(0.4, 1.6) * frame.body.sum() * frame.step**2, frame.cytoplasm * (0.25 + fall))
    tubes = frame.empty()
    if len(y) > 5:
        mesh = spatial.Voronoi(np.stack([y, x], 1))
        ends = mesh.vertices[[pair for pair in mesh.ridge_vertices if -1 not in pair]]
        ends = ends[(np.hypot(*(ends[:, 1] - ends[:, 0]).T) < 6) & (rng.random(len(ends)) < 0.88)]
        share, lengths = np.linspace(0, 1, 30)[:, None], np.hypot(*(ends[:, 1] - ends[:, 0]).T)[:, None]
        path = ends[:, :1] + share * (ends[:, 1:] - ends[:, :1]) + rng.normal(0, 0.12, (len(ends), 1, 2)) * np.sin(np.pi * share)
        py, px = path[..., 0], path[..., 1]
        bright = lengths * rng.lognormal(0, 0.3, lengths.shape) * frame.at(frame.cytoplasm * (0.4 + fall), py, px)
        strew(tubes, frame, py, px, frame.lift(py, px, rng.random((len(ends), 1))), bright)
        tubes = soften(tubes, frame, 0.06)
        tubes /= peak(tubes.sum(0), 0.995)
    sheets = frame.cytoplasm * fall**1.5 * np.exp(0.5 * frame.noise(0.15, 1.2, 1.5))
    envelope = np.exp(-((frame.away / 0.14) ** 2) / 2) * np.exp(0.2 * frame.noise(0.2, 2)) * frame.body
    planes = tubes + rng.uniform(0.15, 0.5) * filled(frame, sheets, frame.height) + rng.uniform(0.4, 1.1) * filled(frame, envelope, np.full_like(envelope, 3))
    return mix(frame, planes, (rng.uniform(0.02, 0.12), cytosol(frame, rng.uniform(0.4, 1.2))))


def golgi(rng, frame):
    """Ribbons 1 to 6 µm long and 0.3 thick: a heap at the centrosome, a band along the nucleus, or scattered stacks; small vesicles around them."""
    style = rng.choice(["heap", "band", "scattered"], p=[0.45, 0.4, 0.15])
    turn = np.angle(np.exp(1j * (frame.bearing - frame.side)))
    reach = {"heap": rng.uniform(0.25, 0.5), "band": rng.uniform(0.6, 1.7), "scattered": rng.uniform(1.2, 3)}[style]
    depth = {"heap": rng.uniform(1.2, 2.2), "band": rng.uniform(0.7, 1.4), "scattered": rng.uniform(1.5, 4)}[style]
    zone = frame.body * np.exp(-((turn / reach) ** 4)) * np.exp(-(((frame.away - depth) / depth) ** 2)) * (frame.away > -0.2)
    count = rng.integers(25, 70) if style == "scattered" else int(rng.uniform(8, 16) * (1 + reach))
    y, x = frame.pick(count, zone)
    along = frame.at(frame.bearing, y, x) + np.pi / 2 + rng.normal(0, 0.6, len(y)) + np.pi * rng.integers(0, 2, len(y))
    length = rng.uniform(0.5, 1.6, len(y)) if style == "scattered" else rng.uniform(1, 5.5, len(y))
    py, px, going = walk(frame, y, x, along, length, rng.uniform(1.2, 3), frame.body & (frame.away > -0.4), np.log(zone + 1e-3), 0.35)
    planes = frame.empty()
    beads = np.exp(0.4 * frame.noise(0.2, 0.8, 1))
    strew(planes, frame, py, px, rng.uniform(-0.9, 0.9, (len(y), 1)), going * rng.lognormal(0, 0.3, (len(y), 1)) * frame.at(beads, py, px))
    planes = soften(planes, frame, rng.uniform(0.1, 0.2))
    drops = frame.empty()
    around = frame.cytoplasm * (0.02 + ndimage.gaussian_filter(zone, 1.2 / frame.step))
    vesicles(drops, frame, *frame.pick(rng.integers(10, 120), around), 0.12, rng.uniform(0.01, 0.05))
    return mix(frame, planes + soften(drops, frame, 0.06), (rng.uniform(0.02, 0.18), cytosol(frame, rng.uniform(0.2, 1.1))))


def gathered(rng, frame, spread):
    """Odds that rise towards the centrosome and fall from the nucleus with the length `spread` (µm)."""
    near = np.exp(-frame.polar(frame.centrosome)[0] / spread)
    return frame.cytoplasm * np.clip(frame.inward / 1.0, 0, 1) * (near + rng.uniform(0.05, 0.5) * np.exp(-np.maximum(frame.away, 0) / spread))


def lysosome(rng, frame):
    """20 to 150 round vesicles 0.4 to 1.2 µm across, filled or bright at their rims, in a heap by the nucleus and some outside it."""
    y, x = frame.pick(rng.integers(20, 150), gathered(rng, frame, rng.uniform(2.5, 7)))
    radius = np.clip(rng.lognormal(np.log(rng.uniform(0.26, 0.42)), 0.3, len(y)), 0.2, 0.65)
    planes = frame.empty()
    vesicles(planes, frame, y, x, radius, radius**2.3 * rng.lognormal(0, rng.uniform(0.2, 0.5), len(y)), rng.choice([0, 0, 0.5, 0.95]))
    dust = frame.empty()
    vesicles(dust, frame, *frame.pick(rng.integers(10, 150), frame.cytoplasm), 0.1, 0.012)
    return mix(frame, soften(planes + dust, frame, 0.07), (rng.uniform(0.02, 0.2), cytosol(frame, rng.uniform(0.2, 1))))


def endosome(rng, frame):
    """80 to 450 puncta 0.15 to 0.5 µm across of uneven brightness through the cytoplasm, denser at the nucleus, in haze."""
    odds = frame.cytoplasm * (rng.uniform(0.15, 0.6) + np.exp(-np.maximum(frame.away, 0) / rng.uniform(4, 9)))
    odds = odds + rng.choice([0, 1.5]) * gathered(rng, frame, 2.5) + 0.06 * frame.body
    y, x = frame.pick(rng.integers(80, 450), odds * np.exp(0.5 * frame.noise(1, 6)))
    radius = np.clip(rng.lognormal(np.log(0.13), 0.3, len(y)), 0.07, 0.26)
    planes = frame.empty()
    vesicles(planes, frame, y, x, radius, (radius / 0.13) ** 1.5 * rng.lognormal(0, rng.uniform(0.5, 0.9), len(y)))
    return mix(frame, soften(planes, frame, 0.05), (rng.uniform(0.08, 0.4), cytosol(frame, rng.uniform(0.3, 1.1))))


def mitochondria(rng, frame):
    """Threads 0.3 to 0.6 µm thick and 3 to 15 long, or fragments of 0.6 to 2.5, winding around the nucleus and outwards."""
    broken = rng.random() < 0.3
    density = rng.uniform(0.2, 0.5) * frame.cytoplasm.sum() * frame.step**2
    odds = frame.cytoplasm * np.clip(frame.inward / 1.5, 0, 1) * np.exp(-np.maximum(frame.away, 0) / rng.uniform(4, 12))
    y, x = frame.pick(np.clip(density * (1.6 if broken else 0.8), 50, 450), odds)
    length = rng.uniform(0.6, 2.5, len(y)) if broken else rng.uniform(0.3, 1, len(y)) * rng.uniform(6, 15)
    outward = np.arctan2(y - frame.heart[0], x - frame.heart[1]) + rng.normal(0, 0.9, len(y)) + np.pi * rng.integers(0, 2, len(y))
    walls = -np.exp(-frame.inward / 0.9) - np.exp(-np.maximum(frame.away, 0) / 0.7) + 0.25 * frame.noise(0.8, 4)
    py, px, going = walk(frame, y, x, outward, length, rng.uniform(2, 6), frame.cytoplasm, walls, 0.8)
    rise = np.clip(rng.uniform(0.05, 0.9, (len(y), 1)) + np.cumsum(rng.normal(0, 0.02, py.shape), 1), 0, 1)
    planes = frame.empty()
    strew(planes, frame, py, px, frame.lift(py, px, rise), going * rng.lognormal(0, 0.3, (len(y), 1)) * frame.at(np.exp(0.25 * frame.noise(0.3, 1)), py, px))
    return mix(frame, soften(planes, frame, rng.uniform(0.1, 0.18)), (rng.uniform(0.02, 0.2), cytosol(frame, rng.uniform(0.2, 1.2))))


def actin(rng, frame):
    """Stress fibres 5 to 40 µm long and 0.15 to 0.5 thick along one direction that bends slowly over the cell, at the glass; the rim; arcs behind it; spikes."""
    packed = frame.kind == "epithelial"
    count = rng.integers(5, 40) if packed else rng.integers(50, 160)
    lead = frame.tilt + rng.normal(0, 0.25) + rng.uniform(0.05, 0.25) * frame.noise(12, 40)
    planes, flat = frame.empty(), np.zeros_like(frame.away)
    for thick, share in ((0.04, 0.75), (0.14, 0.25)):
        y, x = frame.pick(count * share + 1, frame.body * (0.4 + (frame.inward < 4)))
        angle, layer = frame.at(lead, y, x) + rng.normal(0, 0.05, len(y)), frame.empty()
        bright = rng.lognormal(0, 0.45, (len(y), 1)) * (1 + (1 if packed else 3) * (thick > 0.1))
        for way in (0, np.pi):
            length = rng.uniform(2.5, 20, len(y))
            py, px, going = walk(frame, y, x, angle + way, length, 400, frame.body, flat, 0)
            ease = np.clip((length[:, None] - STRIDE * np.arange(py.shape[1])) / 3, 0, 1)
            strew(layer, frame, py, px, rng.uniform(-1.2, -0.5, (len(y), 1)), going * ease * bright)
        planes += soften(layer, frame, thick)
    planes /= peak(planes.sum(0), 0.995)
    patchy = np.clip(0.8 + 0.45 * frame.noise(1, 8), 0.1, 2) * frame.body
    rim = np.exp(-frame.inward / rng.uniform(0.25, 0.5)) * patchy * (rng.uniform(1, 2) if packed else rng.uniform(0.3, 0.9))
    arcs = 0.3 * np.exp(-(((frame.inward - rng.uniform(1.5, 3)) / 0.2) ** 2)) * np.clip(frame.noise(2, 10), 0, 1) * frame.body
    y, x = frame.pick(rng.integers(0, 60), frame.body & (frame.inward < 0.3))
    spikes = walk(frame, y, x, np.arctan2(y - frame.centre[0], x - frame.centre[1]), rng.uniform(0.5, 3, len(y)), 15, flat == 0, flat, 0)
    layer = frame.empty()
    strew(layer, frame, *spikes[:2], -0.9, spikes[2] * 1.0)
    planes += rng.uniform(0.2, 0.5) * soften(layer, frame, 0.05) / max(float(layer.sum(0).max()), 1e-9)
    dots = np.clip(frame.noise(0.12, 0.6, 1) - 1.2, 0, 1) * frame.body * (rng.uniform(0.1, 0.5) if packed else rng.uniform(0, 0.12))
    planes += filled(frame, rim + arcs, np.full_like(rim, 2.4 if packed else 0.9)) * (1 if packed else 2) + filled(frame, dots, frame.height)
    return mix(frame, planes, (rng.uniform(0.04, 0.22), cytosol(frame, rng.uniform(0.5, 1))))


def microtubules(rng, frame):
    """200 to 500 filaments 0.05 µm thick that curve from the centrosome to the border and bend along it; fewer start elsewhere in the cytoplasm."""
    count, loose, hub = rng.integers(200, 500), rng.uniform(0.25, 0.6), rng.uniform(0.1, 0.45)
    y, x = frame.pick(count * loose, frame.cytoplasm * np.exp(-np.maximum(frame.away, 0) / 8))
    out = np.arctan2(y - frame.heart[0], x - frame.heart[1]) + rng.normal(0, 0.7, len(y))
    near = int(count * (1 - loose))
    y, x = np.append(y, frame.centrosome[0] + rng.normal(0, 0.3, near)), np.append(x, frame.centrosome[1] + rng.normal(0, 0.3, near))
    angle = np.append(out, rng.uniform(0, 2 * np.pi, near))
    length = np.append(rng.uniform(4, 18, len(out)), rng.uniform(0.35, 1.5, near) * 1.3 * frame.radius)
    walls = -np.exp(-frame.inward / 1.2) - 0.25 * np.exp(-np.abs(frame.away) / 0.8) * (frame.away > -0.8)
    py, px, going = walk(frame, y, x, angle, length, rng.uniform(12, 40), frame.body, walls + 0.04 * frame.noise(1.5, 6), 0.9)
    over = np.where(frame.at(frame.away, py, px) < 0, rng.uniform(0.15, 0.6), 1.0)
    over *= 1 - (1 - hub) * np.exp(-((np.hypot(py - frame.centrosome[0], px - frame.centrosome[1]) / 2.5) ** 2))
    planes = frame.empty()
    rise = np.clip(rng.uniform(0, 1, (len(y), 1)) + np.cumsum(rng.normal(0, 0.015, py.shape), 1), 0, 1)
    strew(planes, frame, py, px, frame.lift(py, px, rise), going * over * rng.lognormal(0, 0.4, (len(y), 1)))
    return mix(frame, soften(planes, frame, 0.04), (rng.uniform(0.02, 0.2), cytosol(frame, rng.uniform(0.3, 1))))


CLASSES = {
    "nucleus": nucleus, "nucleoli": nucleoli, "endoplasmic-reticulum": reticulum, "golgi": golgi, "lysosome": lysosome, "endosome": endosome,
    "mitochondria": mitochondria, "actin": actin, "microtubules": microtubules,
}  # fmt: skip


def scene(rng, place, size, step):
    """One cell within 3 µm of the middle and sometimes a neighbour beside it, brighter or dimmer: planes (5, size, size)."""
    frame = Frame(rng, size, step, size * step / 2 + rng.uniform(-3, 3, 2))
    planes = place(rng, frame)
    if rng.random() < NEIGHBOUR:
        angle = rng.uniform(0, 2 * np.pi)
        apart = frame.outline(angle) + rng.uniform(9, 18)
        other = Frame(rng, size, step, frame.centre + apart * np.array([np.sin(angle), np.cos(angle)]), taken=frame.body)
        if other.cytoplasm.any():
            planes = planes + rng.uniform(0.3, 1.3) * place(rng, other)
    return planes
