"""CARD.md and its figures. Every number comes from metrics.json, the configuration or the package; none is typed by hand."""

from pathlib import Path

import torch

from .. import package, real
from . import baselines, fields, predict

LABELS = {"nearest": "input", "bilinear": "input, bilinear", "bicubic": "bicubic", "richardson-lucy": "Richardson–Lucy", "network": "**network**"}
FIGURE_PHOTONS = 200


def number(value, digits):
    return f"{value:.{digits}f}"


def comparison(rows, key, digits):
    """A Markdown table of one figure: specimens × photon levels against candidates."""
    lines = ["| specimen | photons | fields | " + " | ".join(LABELS.values()) + " |", "| --- | ---: | ---: |" + " ---: |" * len(LABELS)]
    for row in rows:
        values = [number(row["candidates"][c][key], digits) for c in LABELS]
        lines.append(f"| {row['specimen']} | {row['photons']} | {row['fields']} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def gains(rows):
    """A Markdown table of the network's gain over the best baseline, with intervals."""
    lines = ["| specimen | photons | PSNR gain, dB (95 %) | over | SSIM gain (95 %) | over | RL iterations |", "| --- | ---: | ---: | --- | ---: | --- | ---: |"]
    for row in rows:
        psnr, ssim = (
            f"{g['mean']:+.{d}f} ({g['low']:+.{d}f} … {g['high']:+.{d}f}) | {LABELS[g['over']]}" for g, d in ((row["psnr_gain"], 2), (row["ssim_gain"], 3))
        )
        count = row["candidates"]["richardson-lucy"]["iterations"]
        lines.append(f"| {row['specimen']} | {row['photons']} | {psnr} | {ssim} | {number(count, 0)} |")
    return "\n".join(lines)


def plain(rows, digits=3):
    """A Markdown table of dictionaries that share their keys."""
    if not rows:
        return "Not measured: the real data were absent."

    def cell(value):
        return number(value, digits) if isinstance(value, float) else str(value)

    heads = [key.replace("_", " ") for key in rows[0]]
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)] + ["| " + " | ".join(cell(v) for v in row.values()) + " |" for row in rows])


def coverage(rows):
    """Intervals as columns."""
    intervals = sorted({r["interval"] for r in rows})
    lines = ["| specimens | photons | " + " | ".join(f"{i:.0%} interval" for i in intervals) + " |", "| --- | ---: |" + " ---: |" * len(intervals)]
    for specimens, photons in dict.fromkeys((r["specimens"], r["photons"]) for r in rows):
        inside = [next(r["inside"] for r in rows if (r["specimens"], r["photons"], r["interval"]) == (specimens, photons, i)) for i in intervals]
        lines.append(f"| {specimens} | {photons} | " + " | ".join(f"{v:.1%}" for v in inside) + " |")
    return "\n".join(lines)


def verdict(bars):
    """The card's first lines."""
    missed = [b for b in bars if not b["holds"]]
    if not missed:
        return f"All {len(bars)} bars hold (table below)."
    items = "\n".join(f"- `{b['name']}` is {b['value']}; it must be {b['must']}." for b in missed)
    return f"**{len(missed)} of {len(bars)} bars are missed:**\n\n{items}"


def figure(config, network, pairs, path):
    """Held-out specimens as the camera sees them, by bicubic interpolation, by the network with its error scale, and the truth."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = [n for n in pairs if not n.startswith("real")]
    titles = ("input", "bicubic", "network", "expected error", "truth")
    grid, axes = plt.subplots(len(names), len(titles), figsize=(2 * len(titles), 2 * len(names) + 0.3), squeeze=False)
    for line, (row, name) in enumerate(zip(axes, names)):
        generator = torch.Generator().manual_seed(5)
        image, target = fields.photograph(config, *pairs[name][0], FIGURE_PHOTONS, generator)
        raised = baselines.bicubic(image, config.optics.factor)
        restored, scale = predict.enhance(network, raised, config.normalisation.percentiles)
        low, high = (float(target.quantile(q)) for q in (0.01, 0.999))
        shown = (baselines.nearest(image, config.optics.factor), raised, restored, scale, target)
        for column, (axis, picture, title) in enumerate(zip(row, shown, titles)):
            limits = {"vmin": 0, "vmax": 0.25 * (high - low), "cmap": "magma"} if title == "expected error" else {"vmin": low, "vmax": high, "cmap": "gray"}
            axis.imshow(picture[16:112, 16:112].numpy(), interpolation="nearest", **limits)
            axis.set(xticks=[], yticks=[])
            if column == 0:
                axis.set_ylabel(name)
            if line == 0:
                axis.set_title(title, fontsize=9)
    grid.tight_layout(pad=0.4)
    package.put(path, lambda part: grid.savefig(part, dpi=56, format="png"))
    plt.close(grid)


def write(config, network, result, pairs, out):
    """CARD.md and figure-heldout.png into the package folder `out`."""
    figure(config, network, pairs, Path(out) / "figure-heldout.png")
    optics, camera, evaluation, tables = config.optics, config.camera, config.evaluation, result["tables"]
    bars = "\n".join(f"| `{b['name']}` | {b['value']} | {b['must']} | {'yes' if b['holds'] else '**no**'} |" for b in result["bars"])
    sources = "\n".join(f"- {name}: {licence}" for name, licence in real.TRAINING.items())
    text = f"""# {config.name} {result['version']}

{verdict(result['bars'])}

Widefield fluorescence, 10×/{optics.input.na} with {optics.input.pixel} µm pixels (undersampled, aliasing included) to what a 20×/{optics.target.na}
with {optics.target.pixel} µm pixels would show without noise, and the Laplace scale of the error of every pixel. A residual U-Net of {result['parameters']:,}
parameters; {result['training']['steps']:,} steps in {result['training']['minutes']} minutes on the clock (models/training/README.md says how), seed {result['training']['seed']}.

A picture made by this network is an estimate, not a measurement. It was trained on simulated images only (optics of `docs/optics.md`), with drawn
specimens and the structure of some real ones. It has not been validated on paired images of a real 10× and a real 20× objective.

Made for: λ {', '.join(map(str, optics.wavelengths))} µm; spherical aberration {optics.spherical[0]}–{optics.spherical[1]} waves RMS; in-focus peak {camera.photons[0]}–{camera.photons[1]} photons;
background up to {camera.background[1]} of that peak; specimens up to ±{config.data.depth[1]} µm deep, focus within; images already on the {optics.target.pixel} µm grid from
NA {optics.native_na[0]}–{optics.native_na[1]}. Outside of these ranges nothing is promised. The image must be brought to {optics.target.pixel} µm pixels as `rdf.yaml` (config.deepscope.resample) says.

## Bars

| bar | value | must be | holds |
| --- | ---: | --- | --- |
{bars}

## How it was measured

{evaluation.fields} fields of {evaluation.field}² target pixels for each held-out family and photon level. The held-out
specimens come from other code than the training's, within ±{evaluation.depth} µm of the focus, λ {fields.WAVELENGTH} µm, aberration {evaluation.spherical} waves, background {evaluation.background} of the peak. Photons: the 99.9th
percentile of the input's expectation above background. Every candidate gets the same least-squares linear fit to the target; PSNR, NRMSE and SSIM (11-pixel Gaussian, σ 1.5)
use the target's 0.1–99.9 percentile range; 8 border pixels are left out. Richardson–Lucy knows the offset, the wavelength and the aberration, models pixel integration and decimation, is padded, its
iteration count (1–{max(evaluation.iterations)}) is the best for each field with the answer known, and its result is convolved with the target's PSF. Intervals: paired bootstrap over fields.

![Held-out specimens at {FIGURE_PHOTONS} photons](figure-heldout.png)

## Held-out specimens

{gains(tables['held_out'])}

PSNR, dB

{comparison(tables['held_out'], 'psnr', 2)}

SSIM

{comparison(tables['held_out'], 'ssim', 3)}

NRMSE after the linear fit

{comparison(tables['held_out'], 'nrmse', 4)}

NRMSE without any fit

{comparison(tables['held_out'], 'nrmse_raw', 4)}

## Fresh specimens of the training's families

{gains(tables['seen'])}

PSNR, dB

{comparison(tables['seen'], 'psnr', 2)}

SSIM

{comparison(tables['seen'], 'ssim', 3)}

## Real structure

The endothelial cell of `superres/bpae` ({real.HELD_OUT['superres/bpae']}), never trained on, as a flat specimen in focus at {optics.target.pixel / 2} µm a pixel, blurred by the physics.

{gains(tables['real']) if tables['real'] else plain([])}

PSNR, dB

{comparison(tables['real'], 'psnr', 2) if tables['real'] else ''}

## Beads

Full width at half maximum of isolated beads in focus (fitted Gaussian, median).

{plain(tables['beads'])}

## Flux

Slope of the restored over the true flux of isolated beads whose brightnesses span a decade within one image (log-log, 95 % interval): 1 if twice the light is
shown as twice the light. Only where all are within 1 ± 0.05 does the application show the result in the input's units.

{plain(tables['flux'], 3)}

## Empty places

Energy in places more than 3 µm from any bead, over the energy of the whole target; and the grain of a field with nothing in it, network over input.

{plain(tables['empty'], 4)}

## Is the expected error honest?

Share of signal pixels whose error lies within the Laplace interval the network gives.

{coverage(tables['coverage'])}

## Real images already on the target's grid

The example inputs of Wang et al. 2019 ({real.HELD_OUT['superres/wang2019']}), not resampled, never trained on. Reblur correlation: the output, blurred by the ratio of the transfer functions, against the
input. Quiet ratio: grain (image less its 3-pixel median) of the emptiest tenth of the picture, output over input; quiet std ratio: plain deviation there.

{plain(tables['on_grid'], 4)}

## Sources of real structure in training

{sources}

Task and kind of network: H. Wang et al., Nat. Methods 16, 103 (2019), doi:10.1038/s41592-018-0239-0. These weights were trained independently of theirs.
"""
    package.put(Path(out) / "CARD.md", lambda part: Path(part).write_text(text, encoding="utf-8"))
