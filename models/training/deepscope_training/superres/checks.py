"""Checks beyond similarity: the width of a bead, what appears in empty places, faith to real inputs."""

import dataclasses
import math

import numpy as np
import torch
from scipy import ndimage

from .. import metrics, real
from ..optics import Field
from ..scene import Scene
from . import baselines, fields, predict
from .simulate import MARGIN, OVERSAMPLING

FLUX_GROUND = (1.25, 1.75)  # of the aperture: the ring that tells the ground
FLUX_BINS = 5
FLUX_SPACING = 1.2  # of the usual spacing
FLUX_BEADS = 5  # along a side of a field of the flux check: its brightnesses span a decade
SPREADS = (0.07, 0.08, 0.09, 0.1, 0.11, 0.12, 0.14)  # µm: σ of the Gaussians that a real pair is deconvolved with
DYES = {"dapi": 0.46, "fitc": 0.525, "txred": 0.615}


def spots(config, places, brightness, rng, spread=0.15):
    """The pair (low, high) of points at `places` (N, 2; y and x in µm from the picture's corner) in focus, the brightest pixel of low at 1. Each is as wide
    as `spread` target pixels."""
    step, pixel = config.optics.target.pixel / OVERSAMPLING, config.optics.target.pixel
    scene = Scene(config.evaluation.field * OVERSAMPLING + 2 * MARGIN, step, 0.0)
    y, x = (v[:, None] + MARGIN * step + rng.normal(0, spread * pixel, (len(places), 30)) for v in places.T)
    scene.splat(x, y, 0.0 * x, np.asarray(brightness)[:, None] + 0 * x)
    low, high = fields.pair(config, scene.planes, scene.heights)
    peak = float(low.max())
    return low / peak, high / peak


def lattice(config, rng, spacing):
    """Places (N, 2) in µm on a jittered grid that keeps off the edges."""
    inner, edge = config.evaluation.field * config.optics.target.pixel, 0.55 * config.evaluation.beads.spacing
    line = np.arange(edge, inner - edge + 1e-9, spacing)
    places = np.array([(y, x) for y in line for x in line])
    return places + rng.uniform(-0.1, 0.1, places.shape) * config.evaluation.beads.spacing


def bead_field(config, seed, spacing, decades=0.0):
    """Beads in focus on a jittered grid: the pair (low, high) and their places (y, x) in target pixels. Their brightnesses are spread over
    so many decades, evenly on a logarithmic scale."""
    rng = np.random.default_rng((config.seed, 3, seed))
    places = lattice(config, rng, spacing)
    brightness = 10 ** (-decades * rng.permutation(len(places)) / max(1, len(places) - 1))
    low, high = spots(config, places, brightness, rng)
    return low, high, places / config.optics.target.pixel - 0.5


def taken(config, network, low, high, photons, generator):
    """The photograph raised to the target's grid, the network's image of it, and the target, as numpy."""
    image, target = fields.photograph(config, low, high, photons, generator)
    return *shown(config, network, image), target.numpy()


def shown(config, network, image):
    """A photograph (Y, X) raised to the target's grid, and the network's image of it, as numpy."""
    raised = baselines.bicubic(image, config.optics.factor)
    restored, _ = predict.enhance(network, raised, config.normalisation.percentiles)
    return raised.numpy(), restored.numpy()


def repeats(config, wanted=48):
    """How many bead fields hold about `wanted` beads, at least 3."""
    count = len(lattice(config, np.random.default_rng(0), config.evaluation.beads.spacing))
    return max(3, -(-wanted // count))


def beads(config, network):
    """Median full width at half maximum of isolated beads, µm, and its ratio to the target's, for each photon level."""
    rows, pixel = [], config.optics.target.pixel
    half = round(config.evaluation.beads.spacing / pixel / 3)
    for photons in config.evaluation.photons:
        generator, widths = torch.Generator().manual_seed(photons), {"bicubic": [], "network": [], "target": []}
        for seed in range(repeats(config)):
            low, high, places = bead_field(config, seed, config.evaluation.beads.spacing)
            for name, picture in zip(widths, taken(config, network, low, high, photons, generator)):
                widths[name] += [metrics.bead_fwhm(picture, y, x, pixel, half) for y, x in places]
        median = {name: float(np.nanmedian(v)) for name, v in widths.items()}
        ratio = {f"{name}_over_target": median[name] / median["target"] for name in ("bicubic", "network")}
        rows.append({"photons": photons, "beads": len(widths["target"]), **{f"{k}_um": v for k, v in median.items()}, **ratio})
    return rows


def empty(config, network):
    """Energy (squared deviation from the true ground) in places farther than `beads.clear` from any bead, over the target's
    whole energy; and the grain of a field with nothing in it, output over input."""
    rows, factor = [], config.optics.factor
    for photons in config.evaluation.photons:
        generator = torch.Generator().manual_seed(photons + 1)
        energy = {"bicubic": [], "network": []}
        for seed in range(repeats(config)):
            low, high, places = bead_field(config, seed, 2 * config.evaluation.beads.spacing)
            raised, restored, target = taken(config, network, low, high, photons, generator)
            marks = np.ones(target.shape)
            marks[tuple(np.clip(np.round(places).astype(int), 0, target.shape[0] - 1).T)] = 0
            away = ndimage.distance_transform_edt(marks) * config.optics.target.pixel > config.evaluation.beads.clear
            ground = float(np.median(target[away]))
            whole = float(((target - ground) ** 2).sum())
            for name, picture in (("bicubic", raised), ("network", restored)):
                energy[name].append(float(((picture - ground)[away] ** 2).sum()) / whole)
        nothing = torch.zeros(config.evaluation.field // factor, config.evaluation.field // factor)
        raised, restored, _ = taken(config, network, nothing, torch.zeros(()), photons, generator)
        rows.append({"photons": photons, **{k: float(np.mean(v)) for k, v in energy.items()}, "empty_grain_ratio": float(restored.std() / raised.std())})
    return rows


def aperture_flux(image, places, radius):
    """Light of each spot (y, x in pixels): the sum within `radius` pixels less the ground, the median of a ring around."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    found = []
    for y, x in places:
        distance = np.hypot(rows - y, columns - x) / radius
        ground = np.median(image[(distance >= FLUX_GROUND[0]) & (distance <= FLUX_GROUND[1])])
        inside = distance <= 1
        found.append(float((image[inside] - ground).sum()))
    return np.array(found)


def flux_slope(true, found):
    """Slope of log10(found) over log10(true): both averaged in FLUX_BINS bins of brightness first, so that spots lost in the noise count
    instead of being left out. nan where a bin holds no light at all."""
    order = np.array_split(np.argsort(true), FLUX_BINS)
    a, b = (np.array([v[bin].mean() for bin in order]) for v in (true, found))
    return float(np.polyfit(np.log10(a), np.log10(b), 1)[0]) if (a > 0).all() and (b > 0).all() else float("nan")


def with_room(config):
    """The configuration with an evaluation field that holds FLUX_BEADS beads a side, FLUX_SPACING times as far apart as usual."""
    apart = config.evaluation.beads.spacing
    side = 16 * math.ceil(((FLUX_BEADS - 1) * FLUX_SPACING * apart + 1.1 * apart) / config.optics.target.pixel / 16)
    return dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, field=max(side, config.evaluation.field)))


def flux(config, network):
    """Whether twice the light is shown as twice the light: the slope of the restored over the true flux of isolated beads whose brightnesses
    span a decade within one image, 1 if so. For each photon level of the brightest bead, with a 95 % bootstrap interval."""
    rows, rng = [], np.random.default_rng(0)
    config, spacing = with_room(config), FLUX_SPACING * config.evaluation.beads.spacing
    radius = config.evaluation.beads.aperture / config.optics.target.pixel
    for photons in config.evaluation.photons:
        generator = torch.Generator().manual_seed(photons + 2)
        true, found = [], []
        for seed in range(2 * repeats(config)):
            low, high, places = bead_field(config, 100 + seed, spacing, decades=1.0)
            _, restored, target = taken(config, network, low, high, photons, generator)
            true.append(aperture_flux(target, places, radius))
            found.append(aperture_flux(restored, places, radius))
        true, found = np.concatenate(true), np.concatenate(found)
        draws = [flux_slope(true[i], found[i]) for i in rng.integers(0, len(true), (200, len(true)))]
        low, high = np.nanpercentile(draws, (2.5, 97.5)) if np.isfinite(draws).any() else (float("nan"),) * 2
        rows.append({"photons": photons, "beads": len(true), "slope": flux_slope(true, found), "low": float(low), "high": float(high)})
    return rows


def reblur(config, image, wavelength):
    """A target-like image as the input's optics would have shown it on the same grid: transfer functions' ratio, in focus."""
    edge = 32
    padded = torch.nn.functional.pad(image[None, None], (edge,) * 4, mode="replicate")[0, 0]
    field, optics = Field(padded.shape[-1], config.optics.target.pixel), config.optics
    source, target = (
        field.otf(optics.objective(which), wavelength, 0.0, config.evaluation.spherical) for which in ("input", "target")
    )
    ratio = source / torch.clamp(target, min=1e-3) * (source > 0)
    return torch.fft.irfft2(torch.fft.rfft2(padded) * torch.clamp(ratio, 0, 1), s=padded.shape)[edge:-edge, edge:-edge]


def grain(image):
    """Local noise: the image less its 3-pixel median."""
    return image - ndimage.median_filter(image, 3)


def on_grid(config, pairs):
    """Real widefield images that lie on the target's grid already, not resampled, and what the network made of them {name: (image, restored)}: how the output,
    re-blurred, agrees with the input, and the grain of the emptiest tenth of the picture."""
    rows = []
    for name, (image, restored) in pairs.items():
        blurred = reblur(config, restored, DYES.get(name, config.evaluation.wavelength))
        smooth = ndimage.gaussian_filter(image.numpy(), 6)
        quiet = smooth <= np.percentile(smooth, 10)
        before, after = image.numpy(), restored.numpy()
        rows.append(
            {
                "image": name,
                "reblur_correlation": metrics.correlation(blurred.numpy(), before),
                "correlation": metrics.correlation(after, before),
                "quiet_ratio": float(grain(after)[quiet].std() / max(grain(before)[quiet].std(), 1e-9)),
                "quiet_std_ratio": float(after[quiet].std() / max(before[quiet].std(), 1e-9)),
            }
        )
    return rows


def real_pair(config, network):
    """The F-actin pair of BioSR by quarters: PSNR and SSIM of input, Richardson-Lucy (rl: with the spread function of theory, its answer as the target's optics would show it; rl-found: that answer
    as it was found; rl-fitted: as found, with the Gaussian that is best, whose σ is the row's `spread_um`; `iterations`: of each) and network against the structured-illumination image.
    Only for a network that keeps the grid and turns total reflection into structured illumination."""
    optics = config.optics
    if (optics.input.modality, optics.target.modality, optics.factor) != ("tirf", "sim", 1):
        return []
    images = raw_images("superres/biosr")
    if not images:
        return []
    image, target = images["f-actin-1-widefield"].float(), images["f-actin-1-sim"].numpy()
    restored, _ = predict.enhance(network, image, config.normalisation.percentiles)
    fitted = {spread: best_deconvolved(config, image, target, spread, shown=False) for spread in SPREADS}
    spread = max(fitted, key=lambda s: metrics.compare(fitted[s][1], target)["psnr"])
    rivals = {"rl": best_deconvolved(config, image, target), "rl-found": best_deconvolved(config, image, target, shown=False), "rl-fitted": fitted[spread]}
    candidates = {"input": image.numpy(), **{name: picture for name, (_, picture) in rivals.items()}, "network": restored.numpy()}
    rows, middle = [], [n // 2 for n in target.shape]
    quarters = {"whole": np.s_[:, :]}
    for y, vertical in enumerate(("upper", "lower")):
        for x, side in enumerate(("left", "right")):
            quarters[f"{vertical} {side}"] = np.s_[y * middle[0] : (y + 1) * middle[0], x * middle[1] : (x + 1) * middle[1]]
    for name, part in quarters.items():
        row = {"part": name, "spread_um": spread, "iterations": {rival: count for rival, (count, _) in rivals.items()}}
        for candidate, picture in candidates.items():
            found = metrics.compare(picture[part], target[part])
            row |= {f"{candidate}_psnr": found["psnr"], f"{candidate}_ssim": found["ssim"]}
        rows.append(row)
    return rows


def best_deconvolved(config, image, target, spread=None, shown=True):
    """Richardson-Lucy of a real square image (grey values, offset unknown: its 0.1 percentile) with the number of iterations that is best, its answer known: (number, picture). spread: σ of a
    Gaussian in µm that takes the place of the theoretical spread function; shown: the specimen is compared as the target's optics would show it, else as it was found."""
    evaluation, optics = config.evaluation, config.optics
    restorer = baselines.Deconvolution(optics.objective("input"), optics.objective("target"), evaluation.wavelength, evaluation.spherical, image.shape[-1])
    frequency = Field(restorer.size, optics.target.pixel).radius
    if spread is not None:
        restorer.transfer = torch.exp(-2 * (math.pi * spread * frequency) ** 2)
    if not shown:
        restorer.view = torch.ones_like(frequency)
    light = (image - float(np.percentile(image.numpy(), 0.1)))[None]
    made = [(count, result[0].numpy()) for count, result in restorer.richardson_lucy(light, 0.0, evaluation.iterations)]
    return max(made, key=lambda pair: metrics.compare(pair[1], target)["psnr"])


def enhanced(config, network, name):
    """{stem: (image as stored, what the network makes of it)} of the TIFFs in a folder of the real data; empty without the data."""
    return {stem: (image, predict.enhance(network, image, config.normalisation.percentiles)[0]) for stem, image in raw_images(name).items()}


def raw_images(name):
    """{stem: image as stored} of the TIFFs in a folder of the real data; empty without the data."""
    base = real.folder()
    paths = sorted((base / name).glob("*.tif")) if base else []
    return {path.stem: torch.from_numpy(real.read(path)) for path in paths}
