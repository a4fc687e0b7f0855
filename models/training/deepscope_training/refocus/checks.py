"""Checks beyond similarity and beads: what appears in empty places, spots that are none, structure never trained on, wrong, tilted and curved maps of distances, aberration, and distances beyond the range."""

import numpy as np
import torch
from scipy import ndimage

from .. import metrics
from ..scene import STEP_Z
from . import beads, fields, heldout, observe, predict

EMPTY_FROM = 3.0  # µm from the next bead
WAVES = (-0.08, 0.0, 0.03, 0.05, 0.08, 0.12, 0.16)  # spherical aberrations by which the sides of focus are told apart, the sign opposite to the training's included
SEEN = 200  # fresh specimens of the training's families for `intervals.coverage`; of fewer, a handful decides
EDGE = 16  # pixels at the border of a field that are left out
NEAR_Z, NEAR_XY = 2.0, 0.8  # µm: a spot this near to a true point is true
SPOT = 0.15  # of the target's range: what stands out by so much is a spot
BEYOND = (12.0, 15.0, 20.0)  # µm


def inner(v):
    return v[..., EDGE:-EDGE, EDGE:-EDGE]


def empty(config, network, distances=(-5.0, 5.0)):
    """Energy (squared deviation from the true ground) farther than EMPTY_FROM from any bead, over the target's whole energy: beads `distances` µm
    off focus, refocused to where they are."""
    positions = [0.0, *(-d for d in distances)]
    widefield, confocal, places = observe.beads(config, positions, spacing=12.0, seed=1)
    wanted, rows = observe.target(config, (widefield, confocal))[0], []
    marks = np.ones(wanted.shape)
    marks[tuple(np.clip(np.round(places).astype(int), 0, len(marks) - 1).T)] = 0
    away = inner(ndimage.distance_transform_edt(marks) * config.optics.pixel > EMPTY_FROM)
    for photons in config.evaluation.photons:
        generator, target = torch.Generator().manual_seed(photons), inner(observe.truth(config, wanted, photons).numpy())
        ground = float(np.median(target[away]))
        whole, found = float(((target - ground) ** 2).sum()), []
        for d, image in zip(distances, widefield[1:]):
            made = inner(predict.refocus(network, observe.photograph(config, image, photons, generator), [d], config.normalisation.percentiles)[0][0].numpy())
            found.append(float(((made - ground)[away] ** 2).sum()) / whole)
        rows.append({"photons": photons, "energy": float(np.mean(found))})
    return rows


def spots(config, network, distances=(-5.0, 5.0), count=3):
    """Precision and recall of spots in refocused fields of points in depth: local maxima that stand out by SPOT of the target's range, against local maxima
    of the noise-free target and the true points near its plane."""
    heights = np.arange(-observe.DEPTH, observe.DEPTH + STEP_Z / 2, STEP_Z)
    field, border = observe.stage(config)
    pixel, rows, scenes = config.optics.pixel, [], []
    for index in range(count):
        rng = np.random.default_rng((config.seed, 8, index))
        n = int(rng.integers(60, 200))
        points = np.stack([*rng.uniform(0, field.size * field.step, (2, n)), rng.uniform(heights[0], heights[-1], n)])
        planes = heldout.deposit(field.size, field.step, heights, *points, rng.uniform(0.5, 1, n))
        stacks = observe.scaled(*observe.look(config, planes, heights, [0.0, *distances]))
        scenes.append((stacks, points))
    for photons in config.evaluation.photons:
        right = wrong = there = 0
        generator = torch.Generator().manual_seed(photons)
        for stacks, (x, y, z) in scenes:
            image = observe.photograph(config, stacks[0][0], photons, generator)
            made = predict.refocus(network, image, distances, config.normalisation.percentiles)[0].numpy()
            wanted = observe.truth(config, observe.target(config, stacks)[1:], photons).numpy()
            for d, picture, target in zip(distances, made, wanted):
                near = np.abs(z - d) <= NEAR_Z
                true = np.stack([y[near], x[near]], 1) / pixel - border - 0.5
                found = peaks(picture, SPOT * metrics.value_range(target))
                distance = np.hypot(*(found[:, None] - true[None]).transpose(2, 0, 1)) * pixel if len(found) and len(true) else np.full((len(found), max(1, len(true))), np.inf)
                right += int((distance.min(1) <= NEAR_XY).sum()) if len(found) else 0
                wrong += int((distance.min(1) > NEAR_XY).sum()) if len(found) else 0
                there += len(peaks(target, SPOT * metrics.value_range(target)))
        rows.append({"photons": photons, "spots": right + wrong, "precision": right / (right + wrong) if right + wrong else float("nan"), "found_of_target": (right + wrong) / max(1, there)})
    return rows


def peaks(picture, height):
    """Places (N, 2) of local maxima that rise by `height` above the median of their surroundings, border left out."""
    top = ndimage.maximum_filter(picture, 5) == picture
    high = picture - ndimage.median_filter(picture, 21) > height
    found = np.argwhere(top & high)
    edge = picture.shape[-1] - EDGE
    return found[(found.min(1) >= EDGE) & (found.max(1) < edge)] if len(found) else found.reshape(0, 2)


def rare(config, network, distances=(-5.0, 5.0)):
    """Light of a structure that no training has, knots (trefoils of 2 µm), within 4 µm of its middle, over the target's: nine of them in one plane."""
    field, border = observe.stage(config)
    rng, pixel = np.random.default_rng((config.seed, 9)), config.optics.pixel
    t = np.linspace(0, 2 * np.pi, 600)
    shape = np.stack([np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)]) * 0.7
    ticks = np.linspace(11, config.evaluation.field * pixel - 11, 3)
    places = np.array([(y, x) for y in ticks for x in ticks])
    points = np.concatenate([shape + np.array([x, y, 0])[:, None] + np.array([[border * pixel], [border * pixel], [0]]) for y, x in places], 1)
    heights = np.arange(-2, 2.1, STEP_Z)
    planes = heldout.deposit(field.size, field.step, heights, *points, rng.uniform(0.8, 1, points.shape[1]))
    stacks = observe.scaled(*observe.look(config, planes, heights, [0.0, *(-d for d in distances)]))
    rows = []
    for photons in config.evaluation.photons:
        generator, ratios = torch.Generator().manual_seed(photons), []
        target = observe.truth(config, observe.target(config, stacks)[0], photons).numpy()
        for d, image in zip(distances, stacks[0][1:]):
            made = predict.refocus(network, observe.photograph(config, image, photons, generator), [d], config.normalisation.percentiles)[0][0].numpy()
            ratios += list(light(made, places / pixel, pixel) / light(target, places / pixel, pixel))
        rows.append({"photons": photons, "knots": len(ratios), "flux_ratio": float(np.median(ratios)), "lowest": float(min(ratios)), "highest": float(max(ratios))})
    return rows


def light(image, places, pixel):
    """Light within 4 µm of each place less the ground, the median of the ring from 5.5 to 6.5 µm."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    found = []
    for y, x in places:
        distance = np.hypot(rows - y, columns - x) * pixel
        ground = np.median(image[(distance >= 5.5) & (distance <= 6.5)])
        found.append(float((image[distance <= 4] - ground).sum()))
    return np.array(found)


def surfaces(config, network, family="shells", photons=1000, count=3):
    """Maps of distances that are not uniform (none in training): a plane tilted by ±5 µm across the field, and a cylinder bent by 5 µm. PSNR of
    the network, and of the input, against the same surface cut out of the true stack."""
    size = config.evaluation.field
    ramp = torch.linspace(-1, 1, size)
    maps = {"tilted": (5 * ramp)[None].expand(size, size), "curved": (5 - 5 * ramp**2)[:, None].expand(size, size), "uniform": torch.full((size, size), 2.5)}
    positions = np.arange(-5, 5.1, STEP_Z)
    generator, rows = torch.Generator().manual_seed(photons), {name: [] for name in maps}
    for widefield, confocal in observe.held_out(config, family, count, positions):
        image = observe.photograph(config, widefield[len(positions) // 2], photons, generator)
        stack = observe.truth(config, observe.target(config, (widefield, confocal)), photons)
        made = predict.refocus(network, image, list(maps.values()), config.normalisation.percentiles)[0]
        for (name, surface), restored in zip(maps.items(), made):
            target = slice_of(stack, surface, positions)
            rows[name].append([metrics.compare(v, target, EDGE)["psnr"] for v in (image, restored)])
    return [{"surface": name, "fields": len(v), "input_db": float(np.mean(v, 0)[0]), "network_db": float(np.mean(v, 0)[1])} for name, v in rows.items()]


def slice_of(stack, surface, positions):
    """The image (Y, X) of a stack (D, Y, X) at a surface of positions (Y, X), linear between planes that are evenly spaced."""
    place = (surface - positions[0]) / (positions[1] - positions[0])
    low = torch.clamp(place.floor().long(), 0, len(positions) - 2)
    below, above = (torch.gather(stack, 0, v[None])[0] for v in (low, low + 1))
    return torch.lerp(below, above, place - low)


def aberrations(config, network, photons=1000, distances=(-5.0, -2.0, 2.0, 5.0), waves=WAVES):
    """Share of beads put on the right side of focus, for spherical aberrations of so many `waves` RMS, inside and outside of the training's."""
    reach, rows = config.data.reach, []
    z = np.arange(-reach, reach + 0.5, 1.0)
    for spherical in waves:
        widefield, _, places = observe.beads(config, [-d for d in distances], spherical=spherical, seed=2)
        generator, right = torch.Generator().manual_seed(photons), []
        for d, image in zip(distances, widefield):
            made = predict.refocus(network, observe.photograph(config, image, photons, generator), z, config.normalisation.percentiles)[0].numpy()
            right += list(z[beads.profiles(made, places).argmax(1)] * d > 0)
        low, high = config.optics.spherical
        rows.append({"spherical_waves": spherical, "in_training": "yes" if low <= spherical <= high else "no", "beads": len(right), "sign_accuracy": float(np.mean(right))})
    return rows


def beyond(config, network, photons=1000, count=2):
    """PSNR at distances that training never saw, for specimens that reach there (beads, one plane)."""
    rows = []
    for d in (10.0, *BEYOND):
        widefield, confocal, _ = observe.beads(config, [0.0, -d, d], seed=3)
        wanted = observe.truth(config, observe.target(config, (widefield, confocal))[0], photons)
        generator, found = torch.Generator().manual_seed(photons), []
        for sign, image in zip((1, -1), widefield[1:]):
            picture = observe.photograph(config, image, photons, generator)
            made = predict.refocus(network, picture, [sign * d], config.normalisation.percentiles)[0][0]
            found.append([metrics.compare(v, wanted, EDGE)["psnr"] for v in (picture, made)])
        raw, own = np.mean(found, 0)
        rows.append({"distance_um": d, "in_range": "yes" if d <= config.data.reach else "no", "input_db": float(raw), "network_db": float(own)})
    return rows


def sectioning(config, network, photons=1000):
    """Energy over the confocal truth's, where the truth is empty (below 2 % of its range) and where it is occupied (above 20 %)."""
    found = {"empty": [], "occupied": []}
    generator = torch.Generator().manual_seed(photons)
    for family in heldout.FAMILIES:
        for widefield, confocal in observe.held_out(config, family, 2, [0.0, -5.0, 5.0]):
            image = observe.photograph(config, widefield[0], photons, generator)
            made = predict.refocus(network, image, [0.0, -5.0, 5.0], config.normalisation.percentiles)[0].numpy()
            ground = float(observe.truth(config, torch.zeros(()), photons))
            for picture, target in zip(made, observe.truth(config, confocal, photons).numpy()):
                span = metrics.value_range(target)
                for name, where in (("empty", target < ground + 0.02 * span), ("occupied", target > ground + 0.2 * span)):
                    a, b = (((inner(v) - ground)[inner(where)] ** 2).sum() for v in (picture, target))
                    found[name].append((a, b))
    return {name: float(np.sum([a for a, _ in v]) / max(np.sum([b for _, b in v]), 1e-9)) for name, v in found.items()}
