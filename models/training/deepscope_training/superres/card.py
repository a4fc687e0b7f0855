"""CARD.md and its figures. Every number comes from metrics.json, the configuration or the package; none is typed by hand."""

from pathlib import Path

import torch

from .. import markdown, package, real
from . import baselines, fields, predict
from .simulate import OVERSAMPLING
from .variants import FIELDS

LABELS = {
    "nearest": "input", "bilinear": "input, bilinear", "bicubic": "bicubic", "wiener": "Wiener", "richardson-lucy": "Richardson–Lucy", "rl-tv": "RL-TV",
    "network": "**network**",
}  # fmt: skip
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
    """A Markdown table of the network's gain over the best baseline, with intervals, and the baselines' settings."""
    lines = ["| specimen | photons | PSNR gain, dB (95 %) | over | SSIM gain (95 %) | over | RL | RL-TV |", "| --- | ---: | ---: | --- | ---: | --- | ---: | --- |"]
    for row in rows:
        psnr, ssim = (
            f"{g['mean']:+.{d}f} ({g['low']:+.{d}f} … {g['high']:+.{d}f}) | {LABELS.get(g['over'], g['over'])}" for g, d in ((row["psnr_gain"], 2), (row["ssim_gain"], 3))
        )
        chosen = row.get("settings", {})
        count, smoothed = chosen.get("richardson-lucy", ["", ""])[0], chosen.get("rl-tv")
        lines.append(f"| {row['specimen']} | {row['photons']} | {psnr} | {ssim} | {count} | {f'{smoothed[0]}, {smoothed[1]}' if smoothed else ''} |")
    return "\n".join(lines)


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


def made_for(config, blur):
    """The ranges of the training, in a sentence; blur: those that its lenses spread light further by, µm."""
    optics, camera, data = config.optics, config.camera, config.data
    text = (
        f"Made for: λ {', '.join(map(str, optics.wavelengths))} µm; spherical aberration {optics.spherical[0]}–{optics.spherical[1]} waves RMS; brightest structure {camera.photons[0]}–{camera.photons[1]} photons as the input shows it;\n"
        f"background up to {camera.background[1]} of that peak; specimens up to ±{data.depth[1]} µm deep, focus within"
    )
    if data.penetration:
        text += f"; light that decays within {data.penetration[0]}–{data.penetration[1]} µm of the coverslip"
    if blur[1] > 0:
        text += f"; light that the input's lens spreads further than theory says, by a Gaussian with σ {blur[0]}–{blur[1]} µm"
    if optics.native_na:
        text += f"; images already on the {optics.target.pixel} µm grid from\nNA {optics.native_na[0]}–{optics.native_na[1]}"
    text += ". Outside of these ranges nothing is promised."
    if optics.factor > 1 or optics.native_na:
        text += f" The image must be brought to {optics.target.pixel} µm pixels as `rdf.yaml` (config.deepscope.resample) says."
    return text


AUTHORS = (
    "Of the same inputs Wang et al. 2019 show their network's result, pictures of 256 × 256 grey values of a part of each; where it lies (side, y, x, pixels of the input) was found by correlation. "
    "Nobody knows the truth here. Input, network: correlation with the authors' picture; detail: the same of what a Gaussian of 3 of its pixels takes away; share: deviation of that detail over the picture's, of "
    "input, network and authors, which also depends on how they stretched their picture's greys for display."
)


def optional(title, rows, words, digits=3):
    """A section that stands only where something was measured."""
    return f"## {title}\n\n{words}\n\n{markdown.table(rows, digits)}\n\n" if rows else ""


OFF_FOCUS = """Specimens of the training's families in one plane, the focus anywhere within {reach} µm of it{learned}. The target is what its lens shows
at the same focus, blurred; how far from focus the input was taken can hardly be told from it. Richardson–Lucy has its best for each field, its answer known, which here tells it the focus. In no bar."""
SLIP = """Two objectives are focused one after the other, and the one of lower aperture tells less well where. Specimens of the training's families in one plane, the input focused anywhere within {reach} µm
of it, the target in focus{learned}. Richardson–Lucy has its best for each field, its answer known, with the spread function in focus. In no bar."""
BLUR = """A real lens spreads light further than scalar theory says. Specimens of the training's families, the input's light spread further by a Gaussian with σ {reach} µm, the target as ever{learned}. Richardson–Lucy
has theory's spread function and its best for each field, its answer known. In no bar."""


def shifted(title, rows, words, reach, learned):
    """The section on specimens that another microscope, or one focused otherwise by up to `reach` µm, would show, where they were measured; learned: what of the training was so, by the checkpoint, or nothing."""
    if not rows:
        return ""
    learned = f", as {learned} in training" if learned else "; none was so in this network's training"
    return f"""## {title}

{words.format(reach=reach, learned=learned)}

{gains(rows)}

PSNR, dB

{comparison(rows, 'psnr', 2)}

"""


def real_pair(evaluation, rows):
    """The section on the one pair of photographs of the same specimen, where it was measured."""
    if not rows:
        return ""
    whole = rows[0]
    ahead = {rival: whole["network_psnr"] - whole[f"{rival}_psnr"] for rival in ("rl", "rl-found", "rl-fitted")}
    counts = ", ".join(f"{count}" for count in whole["iterations"].values())
    words = f"""F-actin by total reflection and by structured illumination (BioSR, Qiao et al. 2021, as carried by qiqi-lu/kernel-learning-deconvolution), never used for training, and no weights were chosen by it. Its optics are like the
training's, not known to be the same. rl: Richardson–Lucy with the spread function of theory, its answer as structured illumination would show it; rl-found: the same answer as it was found; rl-fitted: as found, with the Gaussian
that is best instead of theory (σ {1000 * whole["spread_um"]:g} nm). Each with the number of iterations that is best with the answer known ({counts}; {max(evaluation.iterations)} at most). The goal is to beat them;
on the whole picture the network stands at {ahead["rl"]:+.2f}, {ahead["rl-found"]:+.2f} and {ahead["rl-fitted"]:+.2f} dB against them."""
    return optional("A real pair", [{key: value for key, value in row.items() if key not in ("spread_um", "iterations")} for row in rows], words)


def variants(result):
    """What is said of the adversary."""
    rows = result["tables"]["variants"]
    if len(rows) < 2:
        return "The second training, with an adversary in its last part, was not run: there is nothing to compare, and the network trained without one is shipped."
    told = f"The last part of the training was run twice, and the variant with less energy in empty places is shipped: *{result['shipped']}*. {FIELDS} other fields of each held-out family at every\n"
    told += "photon level; false energy and spot precision as below, worst level; false pairs: pairs at 0.6 × the resolution shown as two."
    if result.get("remeasured"):
        told += " The weights of the other variant are lost: this comparison stands as the evaluation made it that chose between them, and was not made anew with the rest of this card."
    return f"{told}\n\n{markdown.table(rows, 4)}"


def reconstruction(rows):
    """The section on Wiener's reconstruction of a structured illumination, where it was measured."""
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row["reconstruction_psnr"] - row["network_psnr"])
    behind = worst["reconstruction_psnr"] - worst["network_psnr"]
    words = "The network saw one picture; the reconstruction nine frames of a ninth of the light each (three directions, three phases, contrast 0.8), joined by Wiener's filter with all parameters known and its regularisation chosen with the answer known."
    if behind > 0:
        words += f" The network is further from the truth than such a reconstruction by up to {behind:.1f} dB ({worst['specimen']}, {worst['photons']} photons): in bright light nine frames know more than one."
    return optional("Beside a real reconstruction", rows, words)


def write(config, result, out):
    """CARD.md into the package folder `out`, from what metrics.json holds."""
    optics, evaluation, tables, words = config.optics, config.evaluation, result["tables"], config.words
    learned = {"off_focus": config.data.off_focus, "slip": config.data.slip, "blur": [0.0, 0.0], **result.get("learned", {})}
    (off_focus, _), (slip, _), blur = (learned[key] for key in ("off_focus", "slip", "blur"))
    sources = "\n".join(f"- {name}: {licence}" for name, licence in real.TRAINING.items())
    text = f"""# {config.name} {result['version']}

{markdown.verdict(result['bars'])}

{words.input} into {words.target}, without noise, and the Laplace scale of the error of every pixel. A residual U-Net of {result['parameters']:,}
parameters; {result['training']['steps']:,} steps in {result['training']['minutes']} minutes on the clock (models/training/README.md says how), seed {result['training']['seed']}{markdown.began(result['training'])}; the *{result['shipped']}* variant (below).

A picture made by this network is an estimate, not a measurement. It was trained on simulated images only (optics of `docs/optics.md`), with drawn
specimens and the structure of some real ones. It has not been validated on {words.unseen}.

{made_for(config, blur)}

## Bars

{markdown.bars(result)}

## How it was measured

{tables['held_out'][0]['fields']} fields of {evaluation.field}² target pixels for each family and photon level. The held-out
specimens come from other code than the training's, within ±{evaluation.depth} µm of the focus, λ {evaluation.wavelength} µm, aberration {evaluation.spherical} waves, background {evaluation.background} of the peak. Photons: the 99.9th
percentile of the input's expectation above background. Every candidate gets the same least-squares linear fit to the target; PSNR, NRMSE and SSIM (11-pixel Gaussian, σ 1.5)
use the target's 0.1–99.9 percentile range; 8 border pixels are left out. The classical methods know the offset, the wavelength and the aberration, model pixel integration and decimation, are padded, and their
result is convolved with the target's PSF. Wiener's regularisation is the best for each field with the answer known; the iterations of Richardson–Lucy (1–{max(evaluation.iterations)}) and the strength of its total
variation are chosen for each held-out family and level on other fields; for the mixed specimens of the training's families and for real structure they are the best for each field, its answer known, which no user can have. Intervals: paired bootstrap over fields. {'Two training seeds (above)' if result.get('second') else 'One training seed'}.

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

The thin ones in focus.

{gains(tables['seen'])}

PSNR, dB

{comparison(tables['seen'], 'psnr', 2)}

SSIM

{comparison(tables['seen'], 'ssim', 3)}

{shifted("Thin specimens off focus", tables.get("off_focus"), OFF_FOCUS, config.data.off_focus[1], off_focus and f"a share of {off_focus:g} of the thin ones")}{shifted(
        "The input focused apart", tables.get("slip"), SLIP, config.data.slip[1], slip and f"a share of {slip:g} of all that are not off focus"
    )}{shifted("A lens that spreads light further", tables.get("blur"), BLUR, evaluation.blur, blur[1] and f"up to {blur[1]:g} µm")}## Real structure

The endothelial cell of `superres/bpae` ({real.HELD_OUT['superres/bpae']}), never trained on, as a flat specimen in focus at {optics.target.pixel / OVERSAMPLING:g} µm a pixel, blurred by the physics.

{gains(tables['real']) if tables['real'] else markdown.table([])}

PSNR, dB

{comparison(tables['real'], 'psnr', 2) if tables['real'] else ''}

{real_pair(evaluation, tables['real_pair'])}{reconstruction(tables['reconstruction'])}## With and without an adversary

{variants(result)}

## Beads

Full width at half maximum of isolated beads in focus (fitted Gaussian, median).

{markdown.table(tables['beads'])}

## Two points

Share of pairs of equal points in focus shown as two (a valley below 90 % of the fainter maximum), by separation in units of the target's resolution, {result['resolution_um']:g} µm
(Rayleigh's distance, 1.2 × the width of a bead, but at least two pixels). Richardson–Lucy with the most iterations of all; its result is convolved with the target's PSF.

{markdown.table(tables['two_points'])}

## Spots

Of the maxima of the output above a fifth of a typical bead's peak, the share within one resolution of a true bead; and the share of the beads found.

{markdown.table(tables['spots'])}

## A shape that no training has seen

Light that a spiral of points keeps, network over target (mean and least).

{markdown.table(tables['rare'])}

## Flux

Slope of the restored over the true flux of isolated beads whose brightnesses span a decade within one image (log-log, 95 % interval): 1 if twice the light is
shown as twice the light. Only where all are within 1 ± 0.05 does the application show the result in the input's units.

{markdown.table(tables['flux'], 3)}

## Empty places

Energy in places more than {evaluation.beads.clear} µm from any bead, over the energy of the whole target; and the grain of a field with nothing in it, network over input.

{markdown.table(tables['empty'], 4)}

## Is the expected error honest?

Share of signal pixels whose error lies within the Laplace interval the network gives.

{markdown.coverage(tables['coverage'])}

{optional("Real images already on the target's grid", tables['on_grid'], f"The example inputs of Wang et al. 2019 ({real.HELD_OUT['superres/wang2019']}), not resampled, never trained on. Reblur correlation: the output, blurred by the ratio of the transfer functions, against the input. Quiet ratio: grain (image less its 3-pixel median) of the emptiest tenth of the picture, output over input; quiet std ratio: plain deviation there.", 4)}{optional("Beside what the authors show", tables.get('authors'), AUTHORS)}## Sources of real structure in training

{sources}

Task and kind of network: H. Wang et al., Nat. Methods 16, 103 (2019), doi:10.1038/s41592-018-0239-0. These weights were trained independently of theirs.
"""
    package.put(Path(out) / "CARD.md", lambda part: Path(part).write_text(text, encoding="utf-8"))
