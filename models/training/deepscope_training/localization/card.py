"""CARD.md and its figure. Every number comes from metrics.json or the configuration; none is typed by hand."""

from pathlib import Path

import numpy as np

from .. import markdown, package
from . import judged, organelles, photographs, simulate

NAMES = organelles.NAMES
FIGURE_PHOTONS = 300
FIGURE = "figure-judged.png"


def short(name):
    return {"endoplasmic-reticulum": "ER"}.get(name, name)


def confusion(table):
    """Rows are the true place, columns the answer, in per cent of the row."""
    lines = ["| true \\ named | " + " | ".join(map(short, NAMES)) + " |", "| --- |" + " ---: |" * len(NAMES)]
    for name, row in zip(NAMES, table):
        total = max(sum(row), 1)
        lines.append(f"| {short(name)} | " + " | ".join(f"{100 * v / total:.1f}" if v else "·" for v in row) + " |")
    return "\n".join(lines)


def interval(row):
    return f"{row['accuracy']:.3f} ({row['low']:.3f} … {row['high']:.3f}, {row['cells']} images)"


def figure(config, pictures, path):
    """Three judged cells of each place as the camera sees them: what the network is asked."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    images, names, pixels = pictures
    shown = [*NAMES, *judged.STRANGERS, *judged.FARTHER]
    grid, axes = plt.subplots(3, len(shown), figsize=(1.3 * len(shown), 4.1), squeeze=False)
    for column, name in enumerate(shown):
        mine = np.flatnonzero(names == name)[:3]
        for row in range(3):
            axis = axes[row][column]
            axis.set(xticks=[], yticks=[])
            if row < len(mine):
                shot = photographs.shoot(config, images[mine[row : row + 1]], float(FIGURE_PHOTONS), float(pixels[mine[row]]))
                axis.imshow(shot[0, 0].clamp(0, 1).numpy(), cmap="gray", interpolation="nearest")
            if row == 0:
                axis.set_title(short(name), fontsize=8, style="italic" if name not in NAMES else "normal")
    grid.tight_layout(pad=0.3)
    package.put(path, lambda part: grid.savefig(part, dpi=70, format="png"))
    plt.close(grid)


def atlas_words(tables):
    if not tables["atlas"]:
        return "Not measured: the pictures were absent."
    named = tables["atlas_accuracy"]
    right = sum(r["class"] == r["named"] for r in tables["atlas"])
    return f"""{right} of {len(tables['atlas'])} are named rightly: {named['accuracy']:.2f} (95 % {named['low']:.2f} … {named['high']:.2f}). So few pictures say little; they are one
example of each class, chosen by the Atlas to be typical, and confocal, which is sharper than what the network was made for.

{markdown.table(tables['atlas'], 2)}"""


def write(config, result, out):
    """CARD.md into the package folder `out`."""
    optics, settings, data, evaluation, tables = config.optics, config.camera, config.data, config.evaluation, result["tables"]
    lens, novelty = photographs.LENS, result["novelty"]
    network, rival = tables["overall"]
    text = f"""# {config.name} {result['version']}

{markdown.verdict(result['bars'])}

**No figure on a real benchmark has been measured.** 2D HeLa, CHO, LOCATE (endogenous, transfected) and Yeast were not at hand; the commands that evaluate on them are
(`crossvalidate`, models/training/README.md). What the papers report there says nothing about this network.

Names the place of one labelled protein in cultured cells: {', '.join(NAMES)}, or none of them. The two-path network of Tahir et al. with {result['parameters']:,} parameters;
asked about every picture in its eight orientations, whose mean counts; {result['training']['steps']:,} steps in {result['training']['minutes']} minutes on the clock, seed {result['training']['seed']}. Four outputs: probabilities (temperature
{novelty['temperature']:.3f}), an embedding, class activation maps whose mean is the evidence, and a novelty ({novelty['score']}; above {novelty['limit']:.4g} the answer is "none of these").

It was trained on simulated cells only, drawn by rules (`localization/organelles.py`), one or a few in the field, seen through the optics of `docs/optics.md` and photographed. Two Golgi
proteins cannot honestly be told apart in a simulation, so there is one Golgi. Early and late endosomes and lysosomes differ here by size, number, brightness and haze only; on real images such a call is a suggestion.

Made for: images brought to {evaluation.grid} µm pixels (trained on {config.pixels[0]}–{config.pixels[1]} µm); cameras whose pixels are {optics.pixel[0]} µm or more in the specimen; NA {min(optics.na)}–{max(optics.na)} (the scalar theory of the optics is adequate up to about 0.8, above that it is an approximation); λ {', '.join(map(str, optics.wavelengths))} µm;
widefield, and confocal for {optics.sectioned:.0%} of the fields; {settings.photons[0]}–{settings.photons[1]} photons at the brightest places, background up to {settings.background[1]} of that; cells up to ±{data.depth[1]} µm high. {data.odd:.0%} of the training
fields were none of the nine and taught as "anything": {', '.join((*organelles.ODD, *simulate.TEXTURES))} (outlier exposure).

## Bars

{markdown.bars(result)}

## How it was measured

{result['tables']['overall'][0]['cells'] // (len(NAMES) * len(evaluation.photons))} cells of each place, drawn by other code with other shapes and other numbers (`localization/judged.py`), {evaluation.side}² pixels of {', '.join(map(str, evaluation.pixels))} µm, NA {lens['na']}, λ {lens['wavelength']} µm, focus
off by up to {photographs.FOCUS} µm, background {photographs.BACKGROUND[0]}–{photographs.BACKGROUND[1]} of the peak, each photographed at {', '.join(map(str, evaluation.photons))} photons and brought to {evaluation.grid} µm pixels. An early look at the network on some of them showed that images must be brought to the pixels of the training, and which places were confused here decided what the training's cells were given more kinds of
(models/training/README.md): this set has been looked at, which makes its figures kinder than those of cells that nobody has seen. Intervals are Wilson's, 95 %; they take
photographs of one cell as independent. The baseline is a logistic regression on the brightness histogram, fitted to the training's own cells.

![What the network is asked, at {FIGURE_PHOTONS} photons](figure-judged.png)

Network: {interval(network)}. Histogram: {interval(rival)}.

On cells drawn by a second code (`localization/second.py`), which somebody who had seen neither the training's cells nor these wrote after the network was designed: {interval(tables['second']['overall'])}.

## By place

{markdown.table(tables['classes'])}

Confusion, per cent of the true place:

{confusion(tables['confusion'])}

The same for the cells of the second code:

{markdown.table(tables['second']['classes'])}

{confusion(tables['second']['confusion'])}

## By photons and by pixel size

{markdown.table(tables['photons'])}

{markdown.table(tables['pixels'])}

## Are the probabilities honest?

Expected calibration error {tables['calibration_error']:.3f}.

{markdown.table(tables['reliability'])}

On the cells of the second code {tables['second']['calibration_error']:.3f}:

{markdown.table(tables['second']['reliability'])}

## None of the nine

The score and its limit were chosen on oddities that neither training nor this measurement draws ({', '.join(organelles.ODD_VALIDATION)}), so that {evaluation.false_alarm:.0%} of known simulated cells are called unknown:

{markdown.table(tables['selection'])}

Strangers (area under the curve against the nine; share beyond the limit; the place they are mostly given otherwise). None of them was ever shown, but of the oddities that the training showed as
none of the nine, `bodies` are akin to peroxisomes and `junctions` to the plasma membrane (both were added after the network of 0.2.0, which had not seen them, had missed this bar: `unknown-auroc` tells how well strangers are known whose kin was shown); nothing shown is akin to the other two, which do not count in the bar:

{markdown.table(tables['strangers'])}

{markdown.table(tables['unknown_by_photons'])}

Of the answers about cells of the second code:

{markdown.table(tables['second']['unknown'])}

## Real cells

The Human Protein Atlas's example pictures whose class maps to one of the nine (green channel, scale bar masked, brought to {evaluation.grid} µm pixels; never trained on, none copied here):

{atlas_words(tables)}

Task and kind of network: M. Tahir, S. Anwar, A. Mian, A. W. Muzaffar, Neural Comput. Appl. (2021), doi:10.1007/s00521-021-06715-y, arXiv 1910.04287. These weights were trained independently of theirs.
"""
    package.put(Path(out) / "CARD.md", lambda part: Path(part).write_text(text, encoding="utf-8"))
