"""What a bead tells: its widths and its height after refocusing from one image, beside a true scan through focus."""

import math

import numpy as np
import torch
from scipy import ndimage

from .. import metrics
from . import observe, predict

STEP = 0.5  # µm between refocused planes
AROUND = 1.5  # µm on either side of the sharpest plane that its centroid is taken over
WINDOW = 2  # pixels around a bead's place that belong to it
RADII = np.arange(0, 12, 0.1)  # pixels around a bead
NARROW = 0.8  # of the target's width: what is narrower is no image of the bead
LEVEL = 1000  # photons of the bars that are set "at 1,000 photons and more"


def profiles(stack, places):
    """Peak of each bead in every plane: (N, D), of a stack (D, Y, X)."""
    tops = []
    for y, x in np.round(places).astype(int):
        part = stack[:, max(y - WINDOW, 0) : y + WINDOW + 1, max(x - WINDOW, 0) : x + WINDOW + 1]
        tops.append(part.max((1, 2)))
    return np.array(tops)


def heights(rows, z):
    """Centroid of each profile (N, D) around its highest plane, above the profile's minimum; z (D,) in µm."""
    best = z[rows.argmax(1)][:, None]
    weight = (rows - rows.min(1, keepdims=True)) * (np.abs(z[None] - best) <= AROUND + 1e-9)
    return (weight * z).sum(1) / np.maximum(weight.sum(1), 1e-12)


def width(profile, z):
    """Full width at half maximum of one profile above its minimum, linearly interpolated; nan where it leaves the range before falling to half."""
    level = profile.min() + (profile.max() - profile.min()) / 2
    top, sides = int(profile.argmax()), []
    for direction in (-1, 1):
        i = top
        while 0 <= i + direction < len(z) and profile[i + direction] > level:
            i += direction
        j = i + direction
        if not 0 <= j < len(z):
            return float("nan")
        sides.append(z[i] + (level - profile[i]) / (profile[j] - profile[i]) * (z[j] - z[i]))
    return float(sides[1] - sides[0])


def widths(image, places, pixel):
    """Two medians over the beads of one picture, µm: the FWHM of a fitted Gaussian (endless where none fits), and `radial_width`."""
    return np.array([median([metrics.bead_fwhm(image, y, x, pixel) for y, x in places]), median([radial_width(image, y, x) * pixel for y, x in places])])


def lateral(image, places, pixel, sharp):
    """How much wider the beads are than those whose `widths` are `sharp`, by the measure that says more: a fit may take the dot within a ring for
    the bead."""
    return float((widths(image, places, pixel) / sharp).max())


def radial_width(image, y, x):
    """Full width in pixels at which the mean over all directions around (y, x), above the ground, falls below half of its highest value for the
    last time; endless where there is no light. Of a ring, which a bead out of focus becomes, that is the ring's outer width and not the width of a dot within."""
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    around = [y + RADII[:, None] * np.sin(angles), x + RADII[:, None] * np.cos(angles)]
    profile = ndimage.map_coordinates(np.asarray(image, np.float64), around, order=3, mode="nearest").mean(1) - np.median(image)
    if profile.max() <= 0:
        return math.inf
    level = profile.max() / 2
    last = int(np.flatnonzero(profile >= level)[-1])
    if last == len(RADII) - 1:
        return float(2 * RADII[-1])
    part = (profile[last] - level) / (profile[last] - profile[last + 1])
    return float(2 * (RADII[last] + part * (RADII[last + 1] - RADII[last])))


def median(values):
    """A width that is no number is an endless one."""
    return float(np.median([v if v == v else np.inf for v in values]))


def measure(config, network, photons, distances, report=print):
    """One row for each true distance (µm) of the beads from the input's focus, at one photon level.

    lateral: width of the bead refocused to its own distance over the target's in focus (`lateral`); axial: full width at half
    maximum along z over the scanned stack's; z_error: median |centroid - distance|; sign_errors: share of beads whose sharpest plane lies on the wrong side (from 2 µm).
    """
    reach = config.data.reach
    z = np.arange(-reach, reach + STEP / 2, STEP)
    positions = z  # the bead lies at 0: with the focus at p it is seen at the distance -p
    stacks = observe.beads(config, positions)
    widefield, wanted, places = stacks[0], observe.target(config, stacks), stacks[2]
    at = {round(p, 3): i for i, p in enumerate(positions)}
    pixel = config.optics.pixel
    inside = [i for i, (y, x) in enumerate(places) if min(y, x) > 10 and max(y, x) < widefield.shape[-1] - 11]
    places = places[inside]
    sharp = widths(wanted[at[0.0]].numpy(), places, pixel)
    scanned = profiles(np.stack([wanted[at[round(float(v), 3)]].numpy() for v in z]), places)
    thick = median([width(p, z) for p in scanned])
    generator, rows = torch.Generator().manual_seed(photons), []
    for d in distances:
        image = observe.photograph(config, widefield[at[round(-d, 3)]], photons, generator)
        made = predict.refocus(network, image, z, config.normalisation.percentiles)[0].numpy()
        own = int(np.argmin(np.abs(z - d)))
        tops = profiles(made, places)
        found = heights(tops, z)
        best = z[tops.argmax(1)]
        row = {
            "photons": photons, "distance_um": float(d), "beads": len(places),
            "lateral": lateral(made[own], places, pixel, sharp),
            "lateral_raw": lateral(image.numpy(), places, pixel, sharp),
            "axial": median([width(p, z) for p in tops]) / thick,
            "z_error_um": float(np.median(np.abs(found - d))),
            "sign_errors": float(np.mean(best * d <= 0)) if abs(d) >= 2 else 0.0,
        }  # fmt: skip
        rows.append(row)
    report(f"beads at {photons} photons: {len(distances)} distances, {len(places)} beads each")
    return rows, {"lateral_um": float(sharp[0]), "axial_um": thick}


def holds(row):
    """Whether refocusing works at this distance, by the limits of the bars for up to 5 and up to 10 µm. (The axial width is measured at ±5 µm only by
    its bar: near the end of the range the profile has no second side.)"""
    near = abs(row["distance_um"]) <= 5
    return NARROW <= row["lateral"] <= (1.2 if near else 1.5) and row["z_error_um"] <= (1 if near else 2) and row["sign_errors"] <= 0.05


def depth_of_field(rows):
    """µm: the unbroken range of distances around 0 where refocused beads hold."""
    rows = sorted(rows, key=lambda r: r["distance_um"])
    zero = next(i for i, r in enumerate(rows) if r["distance_um"] == 0)
    total = 0.0
    for direction in (-1, 1):
        i = zero
        while 0 <= i + direction < len(rows) and holds(rows[i]) and holds(rows[i + direction]):
            i += direction
        total += abs(rows[i]["distance_um"])
    return total


def raw_range(config):
    """µm over which the raw image, without noise, shows a bead within 1.2 of its width in focus."""
    positions = np.round(np.arange(-2.5, 2.51, 0.1), 3)
    widefield, _, places = observe.beads(config, positions)
    places = places[len(places) // 2][None]
    found = [widths(w.numpy(), places, config.optics.pixel) for w in widefield]
    good = np.array([(w / found[len(found) // 2]).max() <= 1.2 for w in found])
    middle = len(good) // 2
    low = high = middle
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(good) - 1 and good[high + 1]:
        high += 1
    return float(positions[high] - positions[low])
