"""The nine locations that the network learns to tell apart, each drawn into a cell of a scene, and oddities that are none of them.

Densities are of arbitrary unit; the scene is normalised afterwards. Only for training: `judged.py` draws what is judged.
"""

import numpy as np

from ..scene import noise_field
from ..specimens import log_uniform


def texture(rng, scene, finest, coarsest, contrast):
    """A positive random texture with mean near 1 on the scene's grid."""
    return np.exp(contrast * noise_field(rng, scene.size, scene.step, rng.uniform(0, 2.5), finest, coarsest))


def sigmoid(x):
    return 1 / (1 + np.exp(np.clip(-x, -30, 30)))


def tubes(rng, cell, x, y, direction, length, persistence, spacing=0.1, bow=0.0):
    """Chains that begin at points (count, 1) in a given direction: x, y, of shape (count, points); persistence and bow, a steady
    curvature in radians per µm, per chain or one for all."""
    points = max(2, int(length / spacing))
    bend = np.sqrt(spacing / np.asarray(persistence, float))
    angle = direction + np.cumsum(rng.normal(0, 1, (len(x), points)) * bend + np.asarray(bow, float) * spacing, 1)
    return x + np.cumsum(np.cos(angle), 1) * spacing, y + np.cumsum(np.sin(angle), 1) * spacing


def drift(rng, cell, x, y):
    """Heights that wander slowly along chains, within the cell."""
    level = rng.uniform(-1, 1, (len(x), 1)) + np.cumsum(rng.normal(0, 0.02, x.shape), 1)
    return np.clip(level, -1, 1) * cell.at(cell.height, x, y)


def spheres(rng, cell, x, y, radius, weight, shell=0.0, points=50):
    """Vesicles of `radius` (count, 1); the share `shell` of them is hollow."""
    z = cell.heights(rng, x, y)
    direction = rng.normal(0, 1, (3, len(x), points))
    direction /= np.linalg.norm(direction, axis=0)
    filled = rng.random((len(x), points)) ** (1 / 3)
    r = radius * np.where(rng.random((len(x), 1)) < shell, 1.0, filled)
    cell.scene.splat(x + r * direction[0], y + r * direction[1], z + r * direction[2], weight / points)


def nucleus(rng, cell):
    """Chromatin or a nuclear protein: grain from fine to coarse, flat or domed, nucleoli left out raggedly, as sharp discs or not, at times
    with condensed spots, a soft or a sharp border."""
    scene = cell.scene
    soft = log_uniform(rng, 0.1, 0.6)
    beyond = cell.fine(cell.from_nucleus)
    inside = sigmoid(-beyond / soft)
    if rng.random() < 0.4:  # thinner towards the border, as a lens is
        inside = inside * np.sqrt(np.clip(-beyond / cell.nucleus_radius, 0, 1) + 0.02) ** rng.uniform(0, 1)
    grain = texture(rng, scene, log_uniform(rng, 0.2, 1.5), rng.uniform(1.5, 6), rng.uniform(0.03, 0.7))
    holes = 1.0
    if rng.random() < 0.5:
        spots = noise_field(rng, scene.size, scene.step, 0, rng.uniform(0.9, 2), rng.uniform(3, 6))
        holes = 1 - rng.uniform(0.2, 1) * sigmoid((spots - rng.uniform(1.0, 2.2)) * rng.uniform(5, 15))
    elif rng.random() < 0.5:
        holes = 1 - rng.uniform(0.2, 1) * discs(rng, cell, int(rng.integers(1, 7)), (0.4, 1.8))
    if rng.random() < 0.2:
        grain = grain * (1 + rng.uniform(0.2, 1.2) * discs(rng, cell, int(rng.integers(3, 25)), (0.25, 0.7)))
    cell.volume(inside * grain * holes)


def discs(rng, cell, count, radius):
    """1 within round spots in the nucleus, 0 elsewhere, on the scene's grid; radius: least and largest in µm."""
    scene = cell.scene
    yy, xx = (np.mgrid[: scene.size, : scene.size] + 0.5) * scene.step
    picture = np.zeros((scene.size, scene.size), np.float32)
    x, y = cell.scatter(rng, cell.from_nucleus < -0.5, count)
    for cx, cy in zip(x.ravel(), y.ravel()):
        picture = np.maximum(picture, sigmoid((log_uniform(rng, *radius) - np.hypot(xx - cx, yy - cy)) / 0.1))
    return picture


def nucleoli(rng, cell):
    """One to eight lumps of 0.5-3 µm within the nucleus, round or ragged, some with a pale heart; a faint nucleoplasm."""
    scene = cell.scene
    count = int(rng.integers(1, 9))
    x, y = cell.scatter(rng, cell.from_nucleus < -0.8, count)
    yy, xx = (np.mgrid[: scene.size, : scene.size] + 0.5) * scene.step
    ragged = rng.uniform(0, 0.6) * noise_field(rng, scene.size, scene.step, 2, rng.uniform(0.4, 1), 4)
    base = cell.nucleus_radius * rng.uniform(0.08, 0.3) / max(count, 2) ** 0.3
    picture = np.zeros((scene.size, scene.size), np.float32)
    pale = rng.uniform(0, 0.8) if rng.random() < 0.4 else 0.0
    for cx, cy in zip(x.ravel(), y.ravel()):
        turn, squeeze, a = rng.uniform(0, np.pi), rng.uniform(0.5, 1), base * rng.lognormal(0, 0.3)
        u, v = (xx - cx) * np.cos(turn) + (yy - cy) * np.sin(turn), ((yy - cy) * np.cos(turn) - (xx - cx) * np.sin(turn)) / squeeze
        d = np.hypot(u, v) / max(a, 0.35) + ragged
        lump = sigmoid((1 - d) * rng.uniform(5, 12))
        lump *= 1 - pale * np.exp(-((d / 0.6) ** 2))
        picture = np.maximum(picture, rng.uniform(0.6, 1) * lump)
    fine = cell.fine(cell.from_nucleus)
    plasm = (fine < 0) * texture(rng, scene, 0.4, 4, rng.uniform(0.02, 0.3)) * rng.uniform(0, 0.35)
    cell.volume(picture * (fine < 0.2) + plasm)


def reticulum(rng, cell):
    """Endoplasmic reticulum: a net of tubules and sheets, dense about the nucleus, whose envelope is part of it."""
    scene = cell.scene
    fine, body = cell.fine(cell.from_nucleus), cell.fine(cell.cytoplasm)
    reach = cell.radius * log_uniform(rng, 0.25, 2)
    profile = body * np.exp(-np.maximum(fine, 0) / reach) * np.clip(cell.fine(cell.edge) / rng.uniform(0.3, 2), 0, 1)
    if rng.random() < 0.5:  # denser on one side
        profile *= np.clip(1 + rng.uniform(0, 0.8) * noise_field(rng, scene.size, scene.step, 4, 5, 60), 0.15, None)
    layers = int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
    for _ in range(layers):
        field = noise_field(rng, scene.size, scene.step, rng.uniform(0, 1.5), log_uniform(rng, 0.3, 1.0), rng.uniform(1.5, 4))
        net = np.exp(-np.abs(field) * rng.uniform(2, 9))
        if rng.random() < 0.4:
            net = net + rng.uniform(0.1, 0.8) * (field > rng.uniform(-0.5, 1))
        net = net + rng.uniform(0, 0.4) * texture(rng, scene, 0.4, 6, rng.uniform(0, 0.4))
        height = rng.uniform(-0.6, 0.6) * scene.depth if scene.depth else 0
        scene.sheet((profile * net / layers).astype(np.float32), height)
    width = rng.uniform(0.12, 0.3)
    rim = np.exp(-((fine / width) ** 2) / 2) * (cell.fine(cell.body) > 0.5)
    dim = texture(rng, scene, 0.4, 6, rng.uniform(0, 0.5)) * (fine < 0)
    cell.volume(rim * rng.uniform(0, 0.7) + dim * rng.uniform(0, 0.3) * profile.max())


def golgi(rng, cell):
    """Ribbons and stacks beside the nucleus: compact, a crescent, broken into pieces, or cisternae side by side; a few vesicles and little haze."""
    if rng.random() < 0.35:
        cisternae(rng, cell)
    else:
        ribbons(rng, cell)
    if rng.random() < 0.6:
        total = float(cell.scene.planes.sum())
        count = int(log_uniform(rng, 3, 40))
        x, y = cell.scatter(rng, np.exp(-np.maximum(cell.from_nucleus, 0) / 4) * cell.cytoplasm, count)
        spheres(rng, cell, x, y, rng.uniform(0.08, 0.25), total * rng.uniform(0.01, 0.15) / count, points=12)


def cisternae(rng, cell):
    """One to eight stacks about the cell's Golgi side, each of two to six cisternae that run side by side for 0.8-9 µm, bowed towards the nucleus or any other way."""
    scene, stacks = cell.scene, int(rng.integers(1, 9))
    spread = cell.nucleus_radius * rng.uniform(0.1, 0.5)
    for _ in range(stacks):
        around = cell.flank + rng.normal(0, rng.uniform(0.1, 0.7))
        out = cell.nucleus_radius + np.abs(rng.normal(0, 1)) * spread + rng.uniform(0.2, 1)
        middle = np.array([cell.nx + out * np.cos(around), cell.ny + out * np.sin(around)])
        along = around + np.pi / 2 + rng.normal(0, rng.uniform(0.05, 0.8))
        length, layers, apart = log_uniform(rng, 0.8, 9), int(rng.integers(2, 7)), rng.uniform(0.15, 0.5)
        bow = rng.normal(1, 0.5) / out if rng.random() < 0.7 else rng.normal(0, 0.3)
        offset = (np.arange(layers)[:, None] - (layers - 1) / 2) * apart
        turned = along - bow * length / 2  # so that the middle runs along
        x = middle[0] - length / 2 * np.cos(along) - offset * np.sin(along) + rng.normal(0, 0.1, offset.shape)
        y = middle[1] - length / 2 * np.sin(along) + offset * np.cos(along) + rng.normal(0, 0.1, offset.shape)
        x, y = tubes(rng, cell, x, y, turned, length, log_uniform(rng, 3, 100), bow=bow)
        gaps = rng.random((layers, 1 + x.shape[1] // 6)).repeat(6, 1)[:, : x.shape[1]] > rng.uniform(0, 0.3)
        kept = cell.at(cell.cytoplasm | (cell.from_nucleus > -1), x, y) * gaps * rng.lognormal(0, 0.4, (layers, 1))
        z = rng.normal(0, 0.35) * scene.depth + 0 * x
        thick = log_uniform(rng, 0.05, 0.2)
        for _ in range(3):
            scene.splat(x + rng.normal(0, thick, x.shape), y + rng.normal(0, thick, x.shape), z, kept / 3)


def ribbons(rng, cell):
    """One to sixty winding pieces, in a heap or a crescent."""
    scene = cell.scene
    spread = cell.nucleus_radius * rng.uniform(0.15, 0.5)
    pieces = int(log_uniform(rng, 1, 61))
    around = cell.flank + rng.normal(0, rng.uniform(0.1, 0.6), (pieces, 1))
    out = cell.nucleus_radius * rng.uniform(0.95, 1.3) + np.abs(rng.normal(0, 1, (pieces, 1))) * spread * 0.6
    crescent = rng.random() < 0.5
    x = cell.nx + out * np.cos(around) if crescent else cell.gx + rng.normal(0, 1, (pieces, 1)) * spread
    y = cell.ny + out * np.sin(around) if crescent else cell.gy + rng.normal(0, 1, (pieces, 1)) * spread
    direction = around + np.pi / 2 + rng.normal(0, 0.4, (pieces, 1)) if crescent else rng.uniform(0, 6.3, (pieces, 1))
    x, y = tubes(rng, cell, x, y, direction, log_uniform(rng, 0.5, 4), log_uniform(rng, 0.6, 4))
    z = rng.normal(0, 0.35, (pieces, 1)) * scene.depth
    kept = cell.at(cell.cytoplasm | (cell.from_nucleus > -1.5), x, y) * rng.lognormal(0, 0.4, (pieces, 1))
    thick = log_uniform(rng, 0.08, 0.35)
    for _ in range(3):
        scene.splat(x + rng.normal(0, thick, x.shape), y + rng.normal(0, thick, x.shape), z, kept / 3)


def lysosome(rng, cell):
    """20-180 large bright vesicles of 0.25-0.7 µm radius, touching, gathered about the nucleus, some hollow."""
    count = int(log_uniform(rng, 20, 180))
    reach = cell.radius * log_uniform(rng, 0.12, 0.7)
    density = cell.cytoplasm * np.exp(-np.maximum(cell.from_nucleus, 0) / reach) * (cell.edge > 0.6)
    if rng.random() < 0.4:
        yy, xx = (np.mgrid[: cell.size, : cell.size] + 0.5) * cell.step
        density = density * np.exp(-np.hypot(xx - cell.gx, yy - cell.gy) / (cell.radius * rng.uniform(0.3, 1)))
    x, y = cell.scatter(rng, density, count)
    radius = np.clip(log_uniform(rng, 0.25, 0.55) * rng.lognormal(0, rng.uniform(0.15, 0.45), (len(x), 1)), 0.15, 1.2)
    weight = radius ** rng.uniform(1, 3) * rng.lognormal(0, 0.4, (len(x), 1))
    spheres(rng, cell, x, y, radius, weight, shell=rng.choice([0, 0, 0, 0.3, 1.0]))


def endosome(rng, cell):
    """60-900 small vesicles below 0.25 µm radius of very unequal brightness, all over the cell, in a haze of the cytosol."""
    count = int(log_uniform(rng, 60, 900))
    density = cell.cytoplasm * (0.15 + np.exp(-np.maximum(cell.from_nucleus, 0) / (cell.radius * log_uniform(rng, 0.4, 3))))
    x, y = cell.scatter(rng, density * (cell.edge > 0.2), count)
    radius = np.clip(log_uniform(rng, 0.06, 0.2) * rng.lognormal(0, 0.4, (len(x), 1)), 0.03, 0.45)
    weight = rng.lognormal(0, rng.uniform(0.5, 1.0), (len(x), 1))
    spheres(rng, cell, x, y, radius, weight, shell=rng.choice([0, 0.2]), points=14)
    total = float(weight.sum())
    if rng.random() < 0.35:  # the recycling compartment beside the nucleus
        dots = int(log_uniform(rng, 10, 60))
        spread = rng.uniform(0.6, 2)
        x, y = (c + rng.normal(0, spread, (dots, 1)) for c in (cell.gx, cell.gy))
        spheres(rng, cell, x, y, 0.12, cell.at(cell.cytoplasm, x, y) * total / count, points=10)
    haze(rng, cell, total * log_uniform(rng, 0.15, 6))


def mitochondria(rng, cell):
    """Threads of 0.2-0.5 µm across and 0.3-16 µm long, outward or tangled, about the nucleus, or broken into grains."""
    count = int(log_uniform(rng, 12, 260))
    length = log_uniform(rng, 1.0, 16)
    reach = cell.radius * log_uniform(rng, 0.15, 1.5)
    x, y = cell.scatter(rng, cell.cytoplasm * np.exp(-np.maximum(cell.from_nucleus, 0) / reach) * (cell.edge > 0.5), count)
    outward = np.arctan2(y - cell.ny, x - cell.nx) + rng.normal(0, rng.uniform(0.2, 1.6), x.shape)
    if rng.random() < 0.3:  # around the nucleus
        outward = outward + np.pi / 2
    x, y = tubes(rng, cell, x, y, outward, length, log_uniform(rng, 0.8, 8))
    share = np.arange(x.shape[1]) < x.shape[1] * rng.uniform(0.25, 1, (len(x), 1))
    kept = cell.at(cell.cytoplasm & (cell.edge > 0.3), x, y) * share * rng.lognormal(0, 0.35, (len(x), 1))
    z = drift(rng, cell, x, y)
    radius, hollow = log_uniform(rng, 0.1, 0.28), rng.random() < 0.25
    for _ in range(5):
        turn = rng.uniform(0, 2 * np.pi, x.shape)
        r = radius * (1 if hollow else np.sqrt(rng.random(x.shape)))
        cell.scene.splat(x + r * np.cos(turn), y + r * np.sin(turn), z + r * rng.uniform(-1, 1, x.shape), kept / 5)


def actin(rng, cell):
    """Stress fibres in one or two directions, a bright border, and a veil, of varied strength."""
    scene = cell.scene
    fibres, border, veil = rng.uniform(0.3, 1), rng.uniform(0, 1) ** 2, rng.uniform(0.0, 0.5)
    for _ in range(rng.choice([1, 2], p=[0.7, 0.3])):
        count = int(log_uniform(rng, 10, 120))
        x, y = cell.scatter(rng, cell.body.astype(float), count)
        main = rng.uniform(0, np.pi) + rng.normal(0, rng.uniform(0.03, 0.35), x.shape)
        bow = rng.normal(0, 0.03) if rng.random() < 0.5 else 0.0  # fibres that bend together
        x, y = tubes(rng, cell, x, y, main, rng.uniform(0.5, 2.5) * cell.radius, log_uniform(rng, 100, 3000), bow=bow)
        middle = x.shape[1] // 2
        x, y = x + x[:, :1] - x[:, middle : middle + 1], y + y[:, :1] - y[:, middle : middle + 1]
        kept = cell.at(cell.body, x, y) * rng.lognormal(0, 0.6, (len(x), 1)) * fibres
        if rng.random() < 0.3:
            kept = kept * (1 + rng.uniform(0, 0.9) * np.cos(2 * np.pi * np.arange(x.shape[1]) * 0.1 / rng.uniform(0.8, 2) + rng.uniform(0, 6.3, (len(x), 1))))
        z = -rng.uniform(0.2, 1) * cell.at(cell.height, x, y) + rng.uniform(0, 0.4) * scene.depth * rng.random((len(x), 1))
        thick = np.exp(rng.normal(np.log(0.12), 0.5, (len(x), 1)))
        for _ in range(2):
            scene.splat(x + rng.normal(0, 1, x.shape) * thick, y + rng.normal(0, 1, x.shape) * thick, z, kept)
    seen = max(float(np.quantile(scene.planes.sum(0)[:: 2, :: 2], 0.99)), 1e-3)
    edge = cell.fine(cell.edge)
    rim = np.exp(-edge / rng.uniform(0.3, 1.2)) * (cell.fine(cell.body) > 0.5) * np.clip(1 + noise_field(rng, scene.size, scene.step, 3, 1, 15), 0.1, None)
    cloud = cell.fine(cell.body) * texture(rng, scene, 0.3, 5, rng.uniform(0.1, 0.5))
    scene.sheet((seen * (border * rim + veil * cloud)).astype(np.float32), -rng.uniform(0, 0.8) * scene.depth)


def microtubules(rng, cell):
    """Thin long filaments from the centrosome or without a centre, bending at the border, dense about the nucleus."""
    count = int(log_uniform(rng, 40, 450))
    if rng.random() < 0.5:
        spread = log_uniform(rng, 0.1, 5)
        x, y = cell.gx + rng.normal(0, spread, (count, 1)), cell.gy + rng.normal(0, spread, (count, 1))
        direction = rng.uniform(0, 2 * np.pi, (count, 1))
    else:
        x, y = cell.scatter(rng, cell.body * np.exp(-np.abs(cell.from_nucleus) / (cell.radius * log_uniform(rng, 0.15, 1))), count)
        direction = np.arctan2(y - cell.ny, x - cell.nx) + rng.normal(0, rng.uniform(0.3, 2), x.shape)
    bow = rng.normal(0, rng.uniform(0, 0.2), x.shape)
    x, y = tubes(rng, cell, x, y, direction, rng.uniform(0.8, 2.2) * cell.radius, log_uniform(rng, 8, 400), bow=bow)
    inside = cell.at(cell.body & (cell.edge > 0.2), x, y) > 0
    kept = inside * (np.cumsum(~inside, 1) < 8)  # a filament that has left does not come back
    share = np.arange(x.shape[1]) < x.shape[1] * np.sqrt(rng.uniform(0.1, 1, (len(x), 1)))
    kept = kept * share * np.where(cell.at(cell.core, x, y) > 0, rng.uniform(0.05, 1), 1) * rng.lognormal(0, 0.3, (len(x), 1))
    thick = log_uniform(rng, 0.02, 0.12)
    cell.scene.splat(x + rng.normal(0, thick, x.shape), y + rng.normal(0, thick, x.shape), drift(rng, cell, x, y), kept)
    haze(rng, cell, float(kept.sum()) * rng.uniform(0, 0.5))


def haze(rng, cell, amount):
    """A thin veil of the cytosol whose sum over the field is `amount`."""
    veil = cell.fine(cell.body) * (1 - rng.uniform(0, 0.9) * cell.fine(cell.core)) * (0.2 + cell.fine(cell.height) / max(cell.scene.depth, 0.3))
    veil = veil * texture(rng, cell.scene, 0.5, 8, rng.uniform(0.02, 0.3))
    cell.volume((veil * (amount / max(float(veil.sum()), 1e-6))).astype(np.float32))


CLASSES = {
    "nucleus": nucleus, "nucleoli": nucleoli, "endoplasmic-reticulum": reticulum, "golgi": golgi, "lysosome": lysosome,
    "endosome": endosome, "mitochondria": mitochondria, "actin": actin, "microtubules": microtubules,
}  # fmt: skip
NAMES = tuple(CLASSES)


def cytosol(rng, cell):
    """A protein dissolved in the cell, in the nucleus too or not."""
    haze(rng, cell, 1000.0)


def speckles(rng, cell):
    """Ten to forty irregular dots all over the nucleus."""
    scene = cell.scene
    spots = noise_field(rng, scene.size, scene.step, 0, rng.uniform(0.35, 0.7), rng.uniform(1.5, 3))
    inside = cell.fine(cell.from_nucleus) < -0.2
    cell.volume(inside * (rng.uniform(0.02, 0.3) + sigmoid((spots - rng.uniform(0.9, 1.6)) * 6)))


def centrosome(rng, cell):
    """One or two dots beside the nucleus, in a haze."""
    x, y = (np.array([[c], [c + rng.normal(0, 0.8)]]) for c in (cell.gx, cell.gy))
    spheres(rng, cell, x, y, rng.uniform(0.15, 0.4), 30.0)
    haze(rng, cell, log_uniform(rng, 20, 400))


def droplets(rng, cell):
    """Lipid droplets: round, large, hollow or full, in groups."""
    count = int(log_uniform(rng, 8, 60))
    x, y = cell.scatter(rng, cell.cytoplasm.astype(float), count)
    spheres(rng, cell, x, y, np.clip(rng.lognormal(np.log(0.9), 0.4, (len(x), 1)), 0.4, 2.5), 1.0, shell=1.0, points=160)


def both(rng, cell):
    """Two of the nine at once: no single answer would be right."""
    first, second = rng.choice(len(NAMES), 2, replace=False)
    kept = cell.scene.planes.copy()
    for index in (first, second):
        cell.scene.planes[:] = 0
        CLASSES[NAMES[index]](rng, cell)
        kept += cell.scene.planes / max(float(np.quantile(cell.scene.planes.sum(0), 0.995)), 1e-6)
    cell.scene.planes[:] = kept


def wall(rng, cell):
    """A bright mesh through the whole cell that no organelle makes: ridges of noise, coarse."""
    scene = cell.scene
    field = noise_field(rng, scene.size, scene.step, 1, rng.uniform(0.8, 2), rng.uniform(4, 10))
    cell.volume(np.exp(-np.abs(field) * rng.uniform(3, 9)) * cell.fine(cell.body))


def bodies(rng, cell):
    """At most eighty dots of nearly one size and brightness anywhere in the cytoplasm, none the neighbour of another."""
    x, y = cell.scatter(rng, cell.cytoplasm.astype(float), int(log_uniform(rng, 10, 80)))
    apart, kept = rng.uniform(0.8, 4), []
    for place in np.column_stack([x, y]):
        if all(np.hypot(*(place - other)) > apart for other in kept):
            kept.append(place)
    if kept:
        x, y = np.array(kept).T[:, :, None]
        spheres(rng, cell, x, y, rng.uniform(0.1, 0.5), rng.lognormal(0, 0.15, x.shape))
    haze(rng, cell, len(kept) * log_uniform(rng, 0.01, 3))


def adhesions(rng, cell):
    """Focal adhesions: short streaks near the border that point outwards, under a veil."""
    x, y = cell.scatter(rng, cell.body * np.exp(-cell.edge / rng.uniform(0.8, 4)), int(log_uniform(rng, 15, 150)))
    direction = np.arctan2(y - cell.cy, x - cell.cx) + rng.normal(0, rng.uniform(0.1, 0.5), x.shape)
    x, y = tubes(rng, cell, x, y, direction, log_uniform(rng, 0.6, 4), 50)
    thick = rng.uniform(0.08, 0.3)
    kept = cell.at(cell.body, x, y) * rng.lognormal(0, 0.4, (len(x), 1))
    for _ in range(3):
        cell.scene.splat(x + rng.normal(0, thick, x.shape), y + rng.normal(0, thick, x.shape), -cell.scene.depth + 0 * x, kept)
    haze(rng, cell, float(kept.sum()) * log_uniform(rng, 0.1, 3))


def junctions(rng, cell):
    """Contacts with a neighbour: a line, smooth or like beads, along the part of the border that faces it (60-150°), and a haze."""
    scene, edge = cell.scene, cell.fine(cell.edge)
    yy, xx = (np.mgrid[: scene.size, : scene.size] + 0.5) * scene.step
    facing = np.cos(np.arctan2(yy - cell.cy, xx - cell.cx) - rng.uniform(0, 2 * np.pi)) > np.cos(np.radians(rng.uniform(30, 75)))
    line = np.exp(-((edge - 0.3) ** 2) / (2 * rng.uniform(0.15, 0.5) ** 2)) * (cell.fine(cell.body) > 0.3) * facing
    beads = texture(rng, scene, rng.uniform(0.3, 1), rng.uniform(2, 8), rng.uniform(0, 1.2))
    picture = (line * beads).astype(np.float32)
    cell.volume(picture)
    haze(rng, cell, float(picture.sum()) * log_uniform(rng, 0.1, 4))


def envelope(rng, cell):
    """The nuclear membrane: a rim and little else."""
    fine = cell.fine(cell.from_nucleus)
    cell.volume(np.exp(-((fine / rng.uniform(0.15, 0.3)) ** 2) / 2) + (fine < 0) * rng.uniform(0.05, 0.3))


def granules(rng, cell):
    """Two to ten large irregular granules in the cytoplasm."""
    count = int(rng.integers(2, 11))
    x, y = cell.scatter(rng, cell.cytoplasm.astype(float), count)
    for _ in range(4):
        spheres(rng, cell, x + rng.normal(0, 0.4, x.shape), y + rng.normal(0, 0.4, x.shape), 0.5, rng.lognormal(0, 0.4, x.shape))
    haze(rng, cell, log_uniform(rng, 2, 40))


def spindle(rng, cell):
    """A mitotic spindle: filaments between two poles."""
    half = cell.nucleus_radius * rng.uniform(0.5, 0.9)
    turn, t = rng.uniform(0, np.pi), np.linspace(-1, 1, 120)[None]
    bulge = rng.normal(0, 0.45, (120, 1)) * half * (1 - t**2) + rng.normal(0, 0.15, (120, 1))
    x = cell.nx + half * t * np.cos(turn) - bulge * np.sin(turn)
    y = cell.ny + half * t * np.sin(turn) + bulge * np.cos(turn)
    cell.scene.splat(x, y, rng.uniform(-1, 1, (120, 1)) * cell.scene.depth * 0.7 + 0 * x, rng.random(x.shape) ** 0.5)
    haze(rng, cell, log_uniform(rng, 500, 6000))


ODD = {f.__name__: f for f in (cytosol, speckles, centrosome, droplets, both, wall, bodies, adhesions, junctions)}  # shown in training as none of the nine
ODD_VALIDATION = {f.__name__: f for f in (envelope, granules, spindle)}  # only for choosing the score of the unknown; never trained on
