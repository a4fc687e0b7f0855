"""Measure a trained network of protein location: metrics.json (bars and tables), and from it every number of CARD.md."""

from pathlib import Path

import numpy as np
import torch

from .. import results
from ..errors import TrainingError
from . import baseline, calibrate, card, judged, organelles, photographs, scores, second

NAMES = organelles.NAMES


def answers(module, images):
    """{probabilities, novelty} of (N, 1, Y, X) as numpy arrays."""
    probabilities, _, novelty = calibrate.outputs(module, images)
    return {"probabilities": probabilities.numpy(), "novelty": novelty[:, 0].numpy()}


def judge(config, module, images, names, pixels, rival):
    """Every photograph of every judged cell: a dictionary of arrays over cells × photon levels."""
    rows = {key: [] for key in ("name", "photons", "pixel", "probabilities", "novelty", "rival")}
    for photons in config.evaluation.photons:
        for pixel in np.unique(pixels):
            chosen = pixels == pixel
            shots = photographs.shoot(config, images[chosen], float(photons), float(pixel))
            given = answers(module, shots)
            found = {"name": names[chosen], "photons": np.full(chosen.sum(), photons), "pixel": pixels[chosen], **given, "rival": rival.answers(shots).numpy()}
            for key, values in found.items():
                rows[key].append(values)
    return {key: np.concatenate(value) for key, value in rows.items()}


def tables_of(rows, limit):
    """Accuracy (overall, by class, photons, pixel), confusion, calibration and the unknown, from `judge`'s rows."""
    known, near = np.isin(rows["name"], NAMES), np.isin(rows["name"], list(judged.STRANGERS))
    labels = np.array([NAMES.index(n) for n in rows["name"][known]])
    probabilities, novelty = rows["probabilities"][known], rows["novelty"]
    named, photons, pixel = probabilities.argmax(1), rows["photons"][known], rows["pixel"][known]

    def by(values, label):
        return [{label: float(v), **scores.accuracy(labels[values == v], named[values == v])} for v in np.unique(values)]

    strange = [
        {
            "stranger": stranger,
            "cells": int((rows["name"] == stranger).sum()),
            "auroc": scores.auroc(novelty[rows["name"] == stranger], novelty[known]),
            "called_unknown": float((novelty[rows["name"] == stranger] > limit).mean()),
            "mostly_named": NAMES[int(np.bincount(rows["probabilities"][rows["name"] == stranger].argmax(1)).argmax())],
        }
        for stranger in (*judged.STRANGERS, *judged.FARTHER)
    ]
    by_level = [
        {
            "photons": int(level),
            "auroc": scores.auroc(novelty[near & (rows["photons"] == level)], novelty[known & (rows["photons"] == level)]),
            "known_called_unknown": float((novelty[known & (rows["photons"] == level)] > limit).mean()),
        }
        for level in np.unique(rows["photons"])
    ]
    return {
        "overall": [{"by": "network", **scores.accuracy(labels, named)}, {"by": "histogram", **scores.accuracy(labels, rows["rival"][known])}],
        **answered(labels, probabilities),
        "photons": by(photons, "photons"),
        "pixels": by(pixel, "pixel_um"),
        "strangers": strange,
        "unknown_by_photons": by_level,
        "unknown_auroc": scores.auroc(novelty[near], novelty[known]),
    }


def answered(labels, probabilities):
    """By place, confusion, and how honest the probabilities are: tables of answers (N, classes) about cells of known places (N)."""
    named = probabilities.argmax(1)
    table = scores.confusion(labels, named, len(NAMES))
    reliability, calibration = scores.reliability(probabilities.max(1), named == labels)
    return {"classes": scores.per_class(table, NAMES), "confusion": table.tolist(), "reliability": reliability, "calibration_error": calibration}


def second_table(rows, limit):
    """On the cells of second.py, from `judge`'s rows: accuracy with its interval, the tables of `answered`, and how often right and wrong answers are called unknown."""
    labels, named = np.array([NAMES.index(n) for n in rows["name"]]), rows["probabilities"].argmax(1)
    right, unknown = named == labels, rows["novelty"] > limit
    return {
        "overall": scores.accuracy(labels, named),
        **answered(labels, rows["probabilities"]),
        "unknown": [{"answers": words, "count": int(which.sum()), "called_unknown": float(unknown[which].mean()) if which.any() else 0.0} for words, which in (("right", right), ("wrong", ~right))],
    }


def real_table(config, module, limit):
    """The Human Protein Atlas pictures one by one, and how many were named rightly with the interval."""
    rows = []
    for name, label, image in photographs.atlas(config):
        given = answers(module, image)
        top = int(given["probabilities"][0].argmax())
        rows.append(
            {
                "picture": name,
                "class": NAMES[label],
                "named": NAMES[top],
                "probability": float(given["probabilities"][0, top]),
                "called_unknown": "yes" if given["novelty"][0] > limit else "no",
            }
        )
    return rows, scores.accuracy([r["class"] for r in rows], [r["named"] for r in rows]) if rows else None


def bars_of(config, tables):
    """[{name, value, holds, must}]; what could not be measured is left out."""
    bars = results.Bars()
    bar = bars.add

    network, rival = (row["accuracy"] for row in tables["overall"])
    bar("accuracy-made", network, network >= 0.95 and network - rival >= 0.2, f"≥ 0.95, and 0.2 above the histogram baseline's {rival:.3f}")
    again = tables["second"]["overall"]["accuracy"]
    bar("accuracy-second", again, again >= 0.95, "≥ 0.95 on cells drawn by a second code, which nobody who trained had seen")
    bar("unknown-auroc", tables["unknown_auroc"], tables["unknown_auroc"] >= 0.85, "≥ 0.85, peroxisome and plasma membrane against the nine")
    bars.add_cost(tables)
    return bars


def run(config, work, out, report=print):
    """Evaluate the calibrated network of `work`, packaged in `out`, and write metrics.json, CARD.md and the figure there."""
    if work is None:
        raise TrainingError("The location network is measured with its checkpoint only: evaluate it with the --work that it was exported from.")
    module, state, found = calibrate.load(config, work)
    if torch.cuda.is_available():
        module = module.to("cuda")
    out = Path(out)
    rival = baseline.Histogram(**found["baseline"])
    images, names, pixels = photographs.cells(config, judged, {**judged.CLASSES, **judged.STRANGERS, **judged.FARTHER}, work, report)
    tables = tables_of(judge(config, module, images, names, pixels, rival), found["limit"])
    tables["second"] = second_table(judge(config, module, *photographs.cells(config, second, second.CLASSES, work, report), rival), found["limit"])
    tables["atlas"], tables["atlas_accuracy"] = real_table(config, module, found["limit"])
    tables["selection"] = found["selection"]
    card.figure(config, (images, names, pixels), out / card.FIGURE)
    novelty = {key: found[key] for key in ("score", "limit", "temperature")}
    return results.conclude(config, bars_of, card.write, tables, out, report, state, module.network, novelty=novelty)


def retime(config, out, report=print):
    """Time the packaged network anew, on a quiet machine, and leave every other figure as it was measured."""
    return results.again(config, bars_of, card.write, out, report)
