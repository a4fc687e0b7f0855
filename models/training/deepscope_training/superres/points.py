"""Checks that ask for single structures: are two points told apart, are spots real, does a shape never trained on keep its light?"""

import numpy as np
import torch
from scipy import ndimage

from . import checks, fields, rivals

RAYLEIGH = 1.2  # FWHM of a point's image at which two are resolved by Rayleigh's criterion, for an Airy pattern
DIP = 0.9  # of the fainter maximum: a profile that falls below between two places shows two points
SEPARATIONS = (0.6, 1.0, 1.2)  # of the resolution
VISIBLE = 0.2  # of a typical bead's peak: fainter maxima count as ground
BRIGHT = 500  # photons from which on two points must be resolved
TURNS = 2.5  # of the spiral


def resolution(config):
    """The target's resolution, µm: Rayleigh's distance from the width of a noise-free bead, but at least two pixels."""
    from .. import metrics

    _, high, places = checks.bead_field(config, 0, config.evaluation.beads.spacing)
    pixel = config.optics.target.pixel
    half = round(config.evaluation.beads.spacing / pixel / 3)
    width = np.nanmedian([metrics.bead_fwhm(high.numpy(), y, x, pixel, half) for y, x in places])
    return max(RAYLEIGH * float(width), 2 * pixel)


def dips(picture, first, second, ground):
    """Whether the profile from `first` to `second` (y, x in pixels) has a valley below DIP of the fainter of two maxima near its ends."""
    t = np.linspace(-0.4, 1.4, 61)
    line = ndimage.map_coordinates(picture - ground, [a + t * (b - a) for a, b in zip(first, second)], order=3, mode="nearest")
    half = len(t) // 2
    left, right = int(np.argmax(line[: half + 1])), half + int(np.argmax(line[half:]))
    fainter = min(line[left], line[right])
    return bool(fainter > 0 and line[left : right + 1].min() < DIP * fainter)


def sharpest(config, image):
    """What Richardson-Lucy with the most iterations of the evaluation makes of a photograph (Y, X), as the target would show it; numpy."""
    electrons = (image[None] - fields.CAMERA["offset"]) * fields.CAMERA["gain"]
    made = rivals.restorer(config, image.shape[-1]).richardson_lucy(electrons, fields.CAMERA["read_noise"], [max(config.evaluation.iterations)])
    return next(made)[1][0].numpy()


def two_points(config, network, separations=SEPARATIONS):
    """Share of pairs of equal points that are shown as two, for each separation and photon level: by the target; by the others, from the
    resolution on, of those that the target shows as two (nobody is asked for more than the target has), below it of all."""
    rows, pixel, unit = [], config.optics.target.pixel, resolution(config)
    for separation in separations:
        for photons in config.evaluation.photons:
            generator, shares = torch.Generator().manual_seed(photons + 3), {"bicubic": [], "richardson-lucy": [], "network": [], "target": []}
            for seed in range(checks.repeats(config)):
                rng = np.random.default_rng((config.seed, 5, seed))
                centres = checks.lattice(config, rng, config.evaluation.beads.spacing)
                angle = rng.uniform(0, np.pi, len(centres))
                half = separation * unit / 2 * np.stack([np.sin(angle), np.cos(angle)], 1)
                places = np.concatenate([centres - half, centres + half])
                low, high = checks.spots(config, places, np.ones(len(places)), rng)
                ends = places / pixel - 0.5
                image, target = fields.photograph(config, low, high, photons, generator)
                raised, restored = checks.shown(config, network, image)
                for name, picture in zip(shares, (raised, sharpest(config, image), restored, target.numpy())):
                    ground = np.median(picture)
                    shares[name] += [dips(picture, a, b, ground) for a, b in zip(ends[: len(centres)], ends[len(centres) :])]
            asked = np.array(shares["target"]) if separation >= 1 and any(shares["target"]) else np.ones(len(shares["target"]), bool)
            found = {name: float(np.mean(np.array(v)[asked if name != "target" else slice(None)])) for name, v in shares.items()}
            rows.append({"separation": separation, "separation_um": separation * unit, "photons": photons, "pairs": len(shares["target"]), **found})
    return rows


def spot_precision(config, network):
    """Of the maxima of the output (above VISIBLE of a typical bead's peak), the share that lies within one resolution of a true
    bead; and the share of the beads that were found. For each photon level."""
    rows, reach = [], resolution(config) / config.optics.target.pixel
    for photons in config.evaluation.photons:
        generator, true, shown, found, all_beads = torch.Generator().manual_seed(photons + 4), 0, 0, 0, 0
        for seed in range(checks.repeats(config)):
            low, high, places = checks.bead_field(config, 200 + seed, config.evaluation.beads.spacing)
            _, picture, _ = checks.taken(config, network, low, high, photons, generator)
            ground = np.median(picture)
            peaks = [picture[max(0, int(y) - 1) : int(y) + 3, max(0, int(x) - 1) : int(x) + 3].max() - ground for y, x in places]
            summit = (picture == ndimage.maximum_filter(picture, 5)) & (picture - ground > VISIBLE * np.median(peaks))
            summit[:4], summit[-4:], summit[:, :4], summit[:, -4:] = False, False, False, False
            spots = np.argwhere(summit)
            distance = np.hypot(*(spots[:, None, :] - places[None]).transpose(2, 0, 1)) if len(spots) else np.full((0, len(places)), np.inf)
            true, shown = true + int((distance.min(1) <= reach).sum()) if len(spots) else true, shown + len(spots)
            found, all_beads = found + int((distance <= reach).any(0).sum()), all_beads + len(places)
        rows.append({"photons": photons, "maxima": shown, "precision": true / max(1, shown), "beads": all_beads, "recall": found / all_beads})
    return rows


def rare_flux(config, network):
    """Light that a spiral, a shape no training family draws, keeps among beads: network over target, mean, for each photon level."""
    rows, pixel, unit = [], config.optics.target.pixel, resolution(config)
    outer = min(2.5 * unit, 0.5 * config.evaluation.beads.spacing)
    turn = np.linspace(0.15, 1, 400)
    for photons in config.evaluation.photons:
        generator, ratios = torch.Generator().manual_seed(photons + 6), []
        for seed in range(checks.repeats(config)):
            rng = np.random.default_rng((config.seed, 6, seed))
            centres = checks.lattice(config, rng, 2.2 * config.evaluation.beads.spacing)
            curves = [c + outer * turn[:, None] * np.stack([np.sin(a + TURNS * 2 * np.pi * turn), np.cos(a + TURNS * 2 * np.pi * turn)], 1) for c, a in zip(centres, rng.uniform(0, 6.3, len(centres)))]
            low, high = checks.spots(config, np.concatenate(curves), np.ones(len(curves) * len(turn)), rng)
            _, restored, target = checks.taken(config, network, low, high, photons, generator)
            radius = (outer + config.evaluation.beads.aperture) / pixel
            middles = centres / pixel - 0.5
            ratios += list(checks.aperture_flux(restored, middles, radius) / checks.aperture_flux(target, middles, radius))
        rows.append({"photons": photons, "spirals": len(ratios), "kept": float(np.mean(ratios)), "least": float(np.min(ratios))})
    return rows
