"""CARD.md and its figure. Every number comes from metrics.json, the configuration or the package; none is typed by hand."""

from pathlib import Path

import torch

from .. import package
from ..markdown import bars, began, cell, coverage, table, verdict
from . import activity, beads, checks, describe, observe, predict

FIGURE_PHOTONS = 2000
FIGURE_DISTANCE = 5.0
WANTED = 200  # specimens of each family and level of light
LABELS = {"input": "input", "rl-plane": "RL in the plane", "rl-volume": "RL in the volume", "network": "**network**"}


def measured(rows):
    """How many specimens of each family there were, one case each in focus, and whether that is enough."""
    found = next(row["cases"] for row in rows if row["distance_um"] == 0 and row["specimen"] != "all")
    return f"{found}" if found >= WANTED else f"{found} ({WANTED} are wanted; `--fields {WANTED}` measures so many)"


def over_specimens(rows):
    """What the intervals of `gains` are over; figures of older evaluations do not say, and were over cases."""
    return " over the specimens, both sides of focus (and in the rows of all light every level) of one together" if all("specimens" in row for row in rows) else ""


def gains(rows):
    """PSNR of every candidate, and the network's gain over the best baseline of the row."""
    lines = ["| specimen | photons | distance, µm | cases | " + " | ".join(LABELS.values()) + " | gain (95 %) | over |"]
    lines.append("| --- | ---: | ---: | ---: |" + " ---: |" * len(LABELS) + " ---: | --- |")
    for row in rows:
        values = [cell(row["candidates"][c]["psnr"], 2) for c in LABELS]
        gain = row["gain"]
        interval = "" if gain["low"] is None else f" ({gain['low']:+.2f} … {gain['high']:+.2f})"
        found = f"{gain['mean']:+.2f}{interval} | {LABELS[gain['over']]}"
        lines.append(f"| {row['specimen']} | {row['photons']} | {row['distance_um']} | {row['cases']} | " + " | ".join(values) + f" | {found} |")
    return "\n".join(lines)


def others(rows):
    """SSIM after the linear fit, and NRMSE without it, of every candidate: over all families."""
    shown = [row for row in rows if row["specimen"] == "all"]
    heads = [f"{name}, {figure}" for figure in ("SSIM", "NRMSE") for name in LABELS.values()]
    lines = ["| photons | distance, µm | " + " | ".join(heads) + " |", "| ---: | ---: |" + " ---: |" * len(heads)]
    for row in shown:
        values = [cell(row["candidates"][name][figure], 3) for figure in ("ssim", "nrmse_raw") for name in LABELS]
        lines.append(f"| {row['photons']} | {row['distance_um']} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def beside_input(rows):
    """On which surfaces the network is further from the truth than the untouched picture."""
    behind = {row["surface"]: row["input_db"] - row["network_db"] for row in rows}
    worse = [f"{surface} (by {by:.2f} dB)" for surface, by in behind.items() if by >= 0.01]
    return f"Further from the truth than the untouched picture: {', '.join(worse)}." if worse else "Further from the truth than the untouched picture on none."


def figure(config, network, named, path):
    """Held-out specimens in focus elsewhere: the input, the network at ±5 µm with its error scale, and the truth."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from .measure import signed

    distances, titles = signed(config), ("input", "network, +5 µm", "truth, +5 µm", "network, -5 µm", "truth, -5 µm", "expected error, -5 µm")
    grid, axes = plt.subplots(len(named), len(titles), figsize=(1.7 * len(titles), 1.7 * len(named) + 0.3), squeeze=False)
    for line, (row, (name, specimens)) in enumerate(zip(axes, named.items())):
        stacks = specimens[0]
        image = observe.photograph(config, stacks[0][0], FIGURE_PHOTONS, torch.Generator().manual_seed(5))
        made, scale = predict.refocus(network, image, [FIGURE_DISTANCE, -FIGURE_DISTANCE], config.normalisation.percentiles)
        truth = observe.truth(config, observe.target(config, stacks), FIGURE_PHOTONS)
        true = [truth[distances.index(d)] for d in (FIGURE_DISTANCE, -FIGURE_DISTANCE)]
        for column, (axis, picture) in enumerate(zip(row, (image, made[0], true[0], made[1], true[1], scale[1]))):
            reference = (image, true[0], true[0], true[1], true[1], true[1])[column]
            low, high = (float(reference.quantile(q)) for q in (0.01, 0.998))
            limits = {"vmin": 0, "vmax": 0.25 * (high - low), "cmap": "magma"} if column == 5 else {"vmin": low, "vmax": high, "cmap": "gray"}
            axis.imshow(picture[16:-16, 16:-16].numpy(), interpolation="nearest", **limits)
            axis.set(xticks=[], yticks=[])
            if column == 0:
                axis.set_ylabel(name)
            if line == 0:
                axis.set_title(titles[column], fontsize=8)
    grid.tight_layout(pad=0.4)
    package.put(path, lambda part: grid.savefig(part, dpi=60, format="png"))
    plt.close(grid)


def depth_of_field(rows):
    """The range that refocusing gives, where it was measured."""
    if not rows:
        return ""
    said = "Range of distances in which width, height and sign hold, and the range over which the raw image shows a bead within 1.2 of its width in focus:"
    return f"{said}\n\n{table(rows, 2)}\n"


def looked_at(rows):
    """How many pictures of the training's families the coverage was counted on, in a sentence."""
    cases = next((r["cases"] for r in rows if r["specimens"] == "seen families" and "cases" in r), None)
    return f" Of the training's families: {cases} pictures that hold signal, of fresh specimens, at distances drawn at random." if cases else ""


def designs(config, rows):
    """What is said of where the distance enters."""
    if not rows:
        return f"Not compared yet; the {config.network.dpm} design is shipped."
    said = "Two designs, trained alike from random weights and compared on the same examples; the distance enters at every block (early), or on the way up only, so that planes share one encoding (late). Right side of focus: of beads at ±2 and ±5 µm, 1,000 photons, aberrations of the training. CPU time."
    return f"{said} Shipped: {config.network.dpm}.\n\n{table(rows, 2)}"


def adversary(config, shipped, rows):
    """What is said of the adversary."""
    wanted = config.training.adversarial
    if wanted is None:
        return "Trained without the adversary of Wu et al.: what an adversary adds is detail that the photons need not support. `training.adversarial` of a configuration trains a second network with it and ships the one that invents less."
    told = f"The least-squares adversary (Mao et al. 2017) takes part in the last {1 - wanted.begin:.0%} of one of two trainings; the one with less energy in empty places is shipped: {shipped}."
    return f"{told}\n\n{table(rows, 4)}"


def write(config, result, out):
    """CARD.md into the package folder `out`, from what metrics.json holds."""
    optics, camera, data, evaluation, tables = config.optics, config.camera, config.data, config.evaluation, result["tables"]
    training = result["training"]
    confocal = data.target == "confocal"
    what = "the confocal image that the same lens would give there" if confocal else "the image that the microscope would show there"
    sectioning = f"\n## Sectioning\n\nEnergy over the confocal truth's, where the truth is empty and where it is occupied.\n\n{table([tables['sectioning']])}\n" if confocal else ""
    text = f"""# {result['package']} {result['version']}

{verdict(result['bars'])}

{describe.PATENT}

One 20×/{optics.na} widefield image with {optics.pixel} µm pixels and a map of distances (DPM) to {what}, at any surface within ±{data.reach:g} µm of the focus, and the
Laplace scale of the error of every pixel. A residual U-Net of {result['parameters']:,} parameters, the distance entering {'at every block' if config.network.dpm == 'early' else 'on the way up'};
{training['steps']:,} steps in {training['minutes']} minutes on the clock of a shared machine, seed {training['seed']}, variant {result['shipped']}{began(training)}.

A picture made by this network is an estimate, not a measurement. It was trained on simulated images only (`docs/optics.md`, `models/training/README.md`), and has not been validated on
a real microscope. The distance is in µm of the sample, positive away from the objective; an air objective moved by 1 µm moves its focus by about {describe.focus_travel(optics.na, optics.index):.2f} µm in a sample
of index {optics.index} (mean over the pupil).

Made for: λ {', '.join(map(str, optics.wavelengths))} µm; spherical aberration {optics.spherical[0]}–{optics.spherical[1]} waves RMS **of this sign**: it is what tells the two sides of focus apart; brightest
structure in focus {camera.photons[0]}–{camera.photons[1]} photons; background up to {camera.background[1]} of that peak. Outside of these ranges, and beyond ±{data.reach:g} µm, nothing is promised.
Scalar optics: adequate up to about NA 0.8.

## Bars

{bars(result)}

## How it was measured

Specimens for each held-out family and photon level: {measured(tables['held_out'])}, of {evaluation.field}² pixels, at both signs of every distance. The held-out specimens come from other code than the
training's, fill ±{observe.DEPTH:g} µm, λ {evaluation.wavelength} µm, aberration {evaluation.spherical} waves, background {evaluation.background} of the peak. Photons: of the brightest structure in focus, above background; they belong to the
emitter, so defocus dilutes them. Every candidate gets the same least-squares linear fit to the target; PSNR, NRMSE and SSIM (11-pixel Gaussian, σ 1.5) use the target's 0.1–99.9 percentile range; {checks.EDGE} border
pixels are left out. Both Richardson–Lucy methods know offset, wavelength and aberration and are padded; their number of iterations (1–{max(evaluation.iterations)}) is the best for each case with the answer known, sought until two counts in a row have made nothing better. `rl-plane` takes all light
to come from the wanted plane; `rl-volume` explains the image by layers 1 µm apart within ±12 µm and is imaged again at the wanted plane. Both results are shown as the {'confocal' if confocal else 'objective'} would see them. Intervals: paired bootstrap{over_specimens(tables['held_out'])}.

![Held-out specimens at {FIGURE_PHOTONS} photons](figure-refocused.png)

## Held-out specimens

Gain over the best baseline by distance, dB; each family and photon level is judged against its own best. At 0 the network only cleans the picture; that is reported apart.

{table(tables['gains'], 2)}

PSNR, dB; gain over the best baseline with 95 % interval

{gains(tables['held_out'])}

SSIM after the linear fit, and NRMSE without any

{others(tables['held_out'])}

## Beads

Beads of 0.1 µm in one plane, seen at a distance and refocused to every plane from -{data.reach:g} to {data.reach:g} µm in steps of {beads.STEP} µm. Lateral: FWHM at the bead's own distance over the target's in focus
({tables['bead_widths'][0]['lateral_um']} µm), lateral raw: of the input itself; axial: FWHM along z over that of the stack scanned in truth ({tables['bead_widths'][0]['axial_um']} µm; empty where the profile leaves the range); z error: median of |centroid −
distance|; sign errors: beads whose sharpest plane is on the wrong side.

{table(tables['beads'])}

{depth_of_field(tables['field_depth'])}
## The map of distances

PSNR at {beads.LEVEL} photons and more with the right distance, another one, and the opposite one.

{table(tables['shuffle'], 2)}

Maps that no training had: a plane tilted by ±5 µm across the field, and a cylinder bent by 5 µm, beside a uniform map of 2.5 µm; {tables['surfaces'][0]['fields']} specimens of one family at 1,000 photons, against the same surface cut out of the true stack. {beside_input(tables['surfaces'])}

{table(tables['surfaces'], 2)}

Beyond the range (beads in one plane). The application flags such distances: the package's range is ±{data.reach:g} µm.

{table(tables['beyond'], 2)}

{designs(config, tables['designs'])}

## The side of focus against aberration

Beads at ±2 and ±5 µm, 1,000 photons: share put on the right side. Without aberration the point-spread function is symmetric and the side cannot be known; with the opposite sign it is told wrong.

{table(tables['aberrations'], 2)}
{sectioning}
## Empty places, spots, a structure never seen

Energy farther than {checks.EMPTY_FROM:g} µm from any bead, over the energy of the whole target; beads 5 µm off focus.

{table(tables['empty'], 4)}

Points in depth, 5 µm off focus: spots that stand out by {checks.SPOT} of the target's range, share within {checks.NEAR_XY} µm of a true point that is within {checks.NEAR_Z:g} µm of the plane, and their number over that of the target.

{table(tables['spots'])}

Light of knots (trefoils of about 4 µm; none in training), 5 µm off focus, over the target's: median, lowest, highest.

{table(tables['rare'])}

## Activity in depth

{activity.NUCLEI} nuclei of a worm's head within ±{activity.REACH:g} µm of the focus, whose calcium rises and decays, filmed at one focus ({activity.RATE} frames a second, {activity.SECONDS:g} s) and read in a disc on each nucleus, whose
place is known: ΔF/F over the mean in time, against the true course. Median over the nuclei that are active (standard deviation of ΔF/F ≥ {activity.ACTIVE}); slope: of the measured ΔF/F over the true one.

{table(tables['activity'])}

## Is the expected error honest?

Share of signal pixels whose error lies within the Laplace interval the network gives.{looked_at(tables['coverage'])}

{coverage(tables['coverage'])}

## With and without an adversary

{adversary(config, result['shipped'], tables['variants'])}

## Real z-stacks

The plane in the middle refocused to real planes of the same stack (NEUBIAS/training-resources, BioImageAnalysisNotebooks; CC BY 4.0), resampled to {optics.pixel} µm pixels. Their lenses, aberrations and wavelengths
are others than those of training: a check with declared mismatch; an Airyscan is a confocal with a detector array, and what is out of its focus is hardly there to be refocused. Opposite: told the opposite distance.

{table(tables['real'], 2)}

Task and map of distances: Y. Wu et al., Nat. Methods 16, 1323 (2019), doi:10.1038/s41592-019-0622-5. These weights were trained independently of theirs.
"""
    package.put(Path(out) / "CARD.md", lambda part: Path(part).write_text(text, encoding="utf-8"))
