"""Checks beyond similarity: the width of a bead, what appears in empty places, honesty of the error, faith to real inputs."""

import numpy as np
import torch
from scipy import ndimage

from .. import metrics, real
from ..optics import Field
from ..scene import Scene
from . import baselines, fields, predict
from .simulate import MARGIN, OVERSAMPLING

BEAD_SPACING = 7.0  # µm
EMPTY_FROM = 3.0  # µm from the next structure
FLUX_APERTURE, FLUX_GROUND = 2.0, (2.5, 3.5)  # µm: radius, and the ring that tells the ground
FLUX_BINS = 5
DYES = {"dapi": 0.46, "fitc": 0.525, "txred": 0.615}


def bead_field(config, seed, spacing, decades=0.0):
    """Beads of 0.1 µm in focus on a jittered grid: the pair (low, high) and their places (y, x) in target pixels. Their
    brightnesses are spread over so many decades, evenly on a logarithmic scale."""
    rng = np.random.default_rng((config.seed, 3, seed))
    step, pixel = config.optics.target.pixel / OVERSAMPLING, config.optics.target.pixel
    inner = config.evaluation.field * pixel
    scene = Scene(config.evaluation.field * OVERSAMPLING + 2 * MARGIN, step, 0.0)
    places = [(y, x) for y in np.arange(4, inner - 4, spacing) for x in np.arange(4, inner - 4, spacing)]
    places = np.array(places) + rng.uniform(-0.7, 0.7, (len(places), 2))
    y, x = (v[:, None] + MARGIN * step + rng.normal(0, 0.05, (len(places), 30)) for v in places.T)
    brightness = 10 ** (-decades * rng.permutation(len(places)) / max(1, len(places) - 1))
    scene.splat(x, y, 0.0 * x, brightness[:, None] + 0 * x)
    low, high = fields.pair(config, scene.planes, scene.heights)
    peak = float(low.max())
    return low / peak, high / peak, places / pixel - 0.5


def beads(config, network):
    """Median full width at half maximum of isolated beads, µm, and its ratio to the target's, for each photon level."""
    rows, pixel, factor = [], config.optics.target.pixel, config.optics.factor
    for photons in config.evaluation.photons:
        generator, widths = torch.Generator().manual_seed(photons), {"bicubic": [], "network": [], "target": []}
        for seed in range(3):
            low, high, places = bead_field(config, seed, BEAD_SPACING)
            image, target = fields.photograph(config, low, high, photons, generator)
            raised = baselines.bicubic(image, factor)
            restored, _ = predict.enhance(network, raised, config.normalisation.percentiles)
            for name, picture in (("bicubic", raised), ("network", restored), ("target", target)):
                widths[name] += [metrics.bead_fwhm(picture.numpy(), y, x, pixel) for y, x in places]
        median = {name: float(np.nanmedian(v)) for name, v in widths.items()}
        ratio = {f"{name}_over_target": median[name] / median["target"] for name in ("bicubic", "network")}
        rows.append({"photons": photons, "beads": len(widths["target"]), **{f"{k}_um": v for k, v in median.items()}, **ratio})
    return rows


def empty(config, network):
    """Energy (squared deviation from the true ground) in places farther than EMPTY_FROM from any bead, over the target's
    whole energy; and the grain of a field with nothing in it, output over input."""
    rows, factor = [], config.optics.factor
    for photons in config.evaluation.photons:
        generator = torch.Generator().manual_seed(photons + 1)
        energy = {"bicubic": [], "network": []}
        for seed in range(3):
            low, high, places = bead_field(config, seed, 2 * BEAD_SPACING)
            image, target = fields.photograph(config, low, high, photons, generator)
            marks = np.ones(target.shape)
            marks[tuple(np.clip(np.round(places).astype(int), 0, target.shape[0] - 1).T)] = 0
            away = ndimage.distance_transform_edt(marks) * config.optics.target.pixel > EMPTY_FROM
            ground = float(np.median(target.numpy()[away]))
            raised = baselines.bicubic(image, factor)
            restored, _ = predict.enhance(network, raised, config.normalisation.percentiles)
            whole = float(((target.numpy() - ground) ** 2).sum())
            for name, picture in (("bicubic", raised), ("network", restored)):
                energy[name].append(float(((picture.numpy() - ground)[away] ** 2).sum()) / whole)
        nothing = torch.zeros(config.evaluation.field // factor, config.evaluation.field // factor)
        image, _ = fields.photograph(config, nothing, torch.zeros(()), photons, generator)
        raised = baselines.bicubic(image, factor)
        restored, _ = predict.enhance(network, raised, config.normalisation.percentiles)
        rows.append({"photons": photons, **{k: float(np.mean(v)) for k, v in energy.items()}, "empty_grain_ratio": float(restored.std() / raised.std())})
    return rows


def aperture_flux(image, places, pixel):
    """Light of each spot (y, x in pixels): the sum within FLUX_APERTURE less the ground, the median of the ring FLUX_GROUND."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    found = []
    for y, x in places:
        distance = np.hypot(rows - y, columns - x) * pixel
        ground = np.median(image[(distance >= FLUX_GROUND[0]) & (distance <= FLUX_GROUND[1])])
        inside = distance <= FLUX_APERTURE
        found.append(float((image[inside] - ground).sum()))
    return np.array(found)


def flux_slope(true, found):
    """Slope of log10(found) over log10(true): both averaged in FLUX_BINS bins of brightness first, so that spots lost in the noise count
    instead of being left out. nan where a bin holds no light at all."""
    order = np.array_split(np.argsort(true), FLUX_BINS)
    a, b = (np.array([v[bin].mean() for bin in order]) for v in (true, found))
    return float(np.polyfit(np.log10(a), np.log10(b), 1)[0]) if (a > 0).all() and (b > 0).all() else float("nan")


def flux(config, network):
    """Whether twice the light is shown as twice the light: the slope of the restored over the true flux of isolated beads whose brightnesses
    span a decade within one image, 1 if so. For each photon level of the brightest bead, with a 95 % bootstrap interval."""
    rows, factor, rng = [], config.optics.factor, np.random.default_rng(0)
    for photons in config.evaluation.photons:
        generator = torch.Generator().manual_seed(photons + 2)
        true, found = [], []
        for seed in range(6):
            low, high, places = bead_field(config, 100 + seed, 1.2 * BEAD_SPACING, decades=1.0)
            image, target = fields.photograph(config, low, high, photons, generator)
            restored, _ = predict.enhance(network, baselines.bicubic(image, factor), config.normalisation.percentiles)
            true.append(aperture_flux(target.numpy(), places, config.optics.target.pixel))
            found.append(aperture_flux(restored.numpy(), places, config.optics.target.pixel))
        true, found = np.concatenate(true), np.concatenate(found)
        draws = [flux_slope(true[i], found[i]) for i in rng.integers(0, len(true), (200, len(true)))]
        low, high = np.nanpercentile(draws, (2.5, 97.5)) if np.isfinite(draws).any() else (float("nan"),) * 2
        rows.append({"photons": photons, "beads": len(true), "slope": flux_slope(true, found), "low": float(low), "high": float(high)})
    return rows


def coverage(answers, specimens):
    """Share of signal pixels (above a tenth of the target's range) inside the 50, 80 and 95 % Laplace intervals, by photon level."""
    rows = []
    for photons, given in answers.items():
        for interval in (0.5, 0.8, 0.95):
            inside, weight = [], []
            for image, scale, target in given:
                low = np.percentile(target, 0.1)
                signal = target > low + 0.1 * metrics.value_range(target)
                if signal.any():
                    inside.append(metrics.coverage(image, scale, target, interval, signal))
                    weight.append(signal.sum())
            rows.append({"specimens": specimens, "photons": photons, "interval": interval, "inside": float(np.average(inside, weights=weight))})
    return rows


def reblur(config, image, wavelength):
    """A target-like image as the input's optics would have shown it on the same grid: transfer functions' ratio, in focus."""
    edge = 32
    padded = torch.nn.functional.pad(image[None, None], (edge,) * 4, mode="replicate")[0, 0]
    field, optics = Field(padded.shape[-1], config.optics.target.pixel), config.optics
    source, target = (
        field.otf(lens.na, wavelength, 0.0, config.evaluation.spherical, optics.index) for lens in (optics.input, optics.target)
    )
    ratio = source / torch.clamp(target, min=1e-3) * (source > 0)
    return torch.fft.irfft2(torch.fft.rfft2(padded) * torch.clamp(ratio, 0, 1), s=padded.shape)[edge:-edge, edge:-edge]


def grain(image):
    """Local noise: the image less its 3-pixel median."""
    return image - ndimage.median_filter(image, 3)


def on_grid(config, network):
    """Real widefield images that lie on the target's grid already (Wang et al. 2019's example inputs), not resampled: how the output,
    re-blurred, agrees with the input, and the grain of the emptiest tenth of the picture."""
    rows = []
    for name, image in raw_images("superres/wang2019").items():
        restored, _ = predict.enhance(network, image, config.normalisation.percentiles)
        blurred = reblur(config, restored, DYES.get(name, fields.WAVELENGTH))
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


def raw_images(name):
    """{stem: image as stored} of the TIFFs in a folder of the real data; empty without the data."""
    base = real.folder()
    paths = sorted((base / name).glob("*.tif")) if base else []
    return {path.stem: torch.from_numpy(real.read(path)) for path in paths}
