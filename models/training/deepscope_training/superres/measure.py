"""Measure a trained package: metrics.json (bars and tables), and from it every number of CARD.md."""

import json
from pathlib import Path

import numpy as np
import torch

from .. import __version__, heldout, metrics, package
from . import baselines, card, checks, fields, predict

CANDIDATES = ("nearest", "bilinear", "bicubic", "richardson-lucy", "network")
PATIENCE = 3  # iteration counts without improvement after which Richardson-Lucy is stopped


def best_deconvolution(deconvolution, photons, target, iterations):
    """For each field the Richardson-Lucy result of the best PSNR, its answer known: [(count, figures)], and the images."""
    best = [(0, {"psnr": -np.inf})] * len(target)
    stale = 0
    for count, result in deconvolution.run(photons, fields.CAMERA["read_noise"], iterations):
        figures = [metrics.compare(r, t) for r, t in zip(result, target)]
        better = [f["psnr"] > b[1]["psnr"] for f, b in zip(figures, best)]
        best = [(count, f) if won else b for f, b, won in zip(figures, best, better)]
        stale = 0 if any(better) else stale + 1
        if stale >= PATIENCE:
            break
    return best


def group(config, network, pairs, photons, seed, wavelength=fields.WAVELENGTH, spherical=None):
    """Figures of every candidate on photographs of `pairs` at one photon level: a list over fields of {candidate: figures},
    and the (image, scale, target) of the network for each."""
    generator = torch.Generator().manual_seed(seed)
    shots = [fields.photograph(config, low, high, photons, generator) for low, high in pairs]
    images, targets = (torch.stack(v) for v in zip(*shots))
    optics, factor = config.optics, config.optics.factor
    spherical = config.evaluation.spherical if spherical is None else spherical
    deconvolution = baselines.RichardsonLucy(optics.objective("input"), optics.objective("target"), wavelength, spherical, images.shape[-1])
    electrons = (images - fields.CAMERA["offset"]) * fields.CAMERA["gain"]
    best = best_deconvolution(deconvolution, electrons, targets, config.evaluation.iterations)
    raised = {name: getattr(baselines, name)(images, factor) for name in ("nearest", "bilinear", "bicubic")}
    rows, answers = [], []
    for index, target in enumerate(targets):
        restored, scale = predict.enhance(network, raised["bicubic"][index], config.normalisation.percentiles)
        row = {name: metrics.compare(stack[index], target) for name, stack in raised.items()}
        row["richardson-lucy"] = {**best[index][1], "iterations": best[index][0]}
        row["network"] = metrics.compare(restored, target)
        rows.append(row)
        answers.append((restored.numpy(), scale.numpy(), target.numpy()))
    return rows, answers


def summarise(rows, **labels):
    """One table row: means of every candidate, and the network's gain over the best baseline with its 95 % interval."""
    means = {c: {k: float(np.mean([r[c][k] for r in rows])) for k in ("psnr", "ssim", "nrmse", "nrmse_raw")} for c in CANDIDATES}
    means["richardson-lucy"]["iterations"] = float(np.median([r["richardson-lucy"]["iterations"] for r in rows]))
    result = {**labels, "fields": len(rows), "candidates": means}
    for key in ("psnr", "ssim"):
        rival = max((c for c in CANDIDATES if c != "network"), key=lambda c: means[c][key])
        gain = metrics.bootstrap([r["network"][key] - r[rival][key] for r in rows])
        result[f"{key}_gain"] = {"over": rival, "mean": gain[0], "low": gain[1], "high": gain[2]}
    return result


def table(config, network, named_pairs, report, **optics):
    """Rows for every name × photon level, then all names together for each level ('all'), and the network's answers by level."""
    rows, by_level, answers = [], {}, {}
    for name, pairs in named_pairs.items():
        for level in config.evaluation.photons:
            found, given = group(config, network, pairs, level, seed=level, **optics)
            rows.append(summarise(found, specimen=name, photons=level))
            by_level.setdefault(level, []).extend(found)
            answers.setdefault(level, []).extend(given)
            gain = rows[-1]["psnr_gain"]
            report(f"{name}, {level} photons: {rows[-1]['candidates']['network']['psnr']:.2f} dB, {gain['mean']:+.2f} over {gain['over']}")
    rows += [summarise(found, specimen="all", photons=level) for level, found in by_level.items()]
    everything = [row for found in by_level.values() for row in found]
    if everything:
        rows.append(summarise(everything, specimen="all", photons="all"))
    return rows, answers


def seen_table(config, network, report):
    """As `table`, for fresh specimens of the training's families; each has its own wavelength and aberration."""
    by_level, answers = {}, {}
    for low, high, wavelength, spherical in fields.seen(config, config.evaluation.fields):
        for level in config.evaluation.photons:
            found, given = group(config, network, [(low, high)], level, level, wavelength, spherical)
            by_level.setdefault(level, []).extend(found)
            answers.setdefault(level, []).extend(given)
    report("seen families done")
    return [summarise(found, specimen="seen families", photons=level) for level, found in by_level.items()], answers


def worst(rows, key, bound):
    return min(row[key][bound] for row in rows)


def bars_of(config, tables):
    """[{name, value, holds, must}] from the tables; what could not be measured is left out."""
    bars = []

    def bar(name, value, holds, must):
        bars.append({"name": name, "value": round(float(value), 4), "holds": bool(holds), "must": must})

    overall = next(r for r in tables["held_out"] if r["photons"] == "all")["candidates"]
    for key, unit in (("psnr", " dB"), ("ssim", "")):
        for rival, label in (("nearest", "input"), ("bilinear", "input-bilinear"), ("bicubic", "bicubic"), ("richardson-lucy", "richardson-lucy")):
            value = overall["network"][key] - overall[rival][key]
            bar(f"heldout-{key}-over-{label}", value, value > 0, f"> 0{unit}, mean over all held-out fields and photon levels")
    together = [r for r in tables["held_out"] if r["specimen"] == "all" and r["photons"] != "all"]
    value = worst(together, "psnr_gain", "low")
    bar("gain-heldout", value, value >= 0, "≥ 0 dB over the best baseline, worst photon level, lower end of the 95 % interval")
    value = worst(tables["seen"], "psnr_gain", "low")
    bar("gain-seen", value, value >= 1, "≥ 1 dB, likewise, families of the training")
    if tables["real"]:
        value = np.mean([r["psnr_gain"]["mean"] for r in tables["real"] if r["specimen"] != "all"])
        bar("gain-real", value, value >= 0.5, "≥ 0.5 dB over the best baseline, mean over channels and photon levels")
    ratios = [r["network_over_target"] for r in tables["beads"]]
    furthest = max(ratios, key=lambda v: abs(v - 1))
    bar("fwhm-ratio", furthest, all(0.85 <= v <= 1.15 for v in ratios), "0.85-1.15, the level furthest from 1")
    slopes = [r["slope"] for r in tables["flux"]]
    holds = all(abs(v - 1) <= 0.05 for v in slopes)
    bar("flux-slope", max(slopes, key=lambda v: abs(v - 1) if v == v else 9), holds, "0.95-1.05 over a tenfold range, the level furthest from 1; else intensities are arbitrary")
    value = max(r["network"] for r in tables["empty"])
    bar("false-energy", value, value <= 0.01, "≤ 0.01 of the specimen's energy, worst photon level")
    value = max(abs(r["inside"] - r["interval"]) for r in tables["coverage"] if r["specimens"] == "seen families")
    bar("coverage-error", value, value <= 0.05, "≤ 0.05 for 50, 80 and 95 % intervals, seen families, worst level")
    if tables["on_grid"]:
        value = min(r["reblur_correlation"] for r in tables["on_grid"])
        bar("reblur-correlation", value, value >= 0.98, "≥ 0.98 on every real image already on the grid")
        value = max(r["quiet_ratio"] for r in tables["on_grid"])
        bar("background-quiet", value, value <= 1, "≤ 1: grain of the emptiest places, output over input")
    return bars


def run(config, work, out, report=print):
    """Evaluate the checkpoint in `work` and write metrics.json, CARD.md and figures into `out`."""
    network, state = package.load_network(config, work)
    count = config.evaluation.fields
    pairs = {name: fields.held_out(config, name, count) for name in heldout.FAMILIES}
    pairs = {name: made for name, made in pairs.items() if made}
    held, held_answers = table(config, network, pairs, report)
    seen, seen_answers = seen_table(config, network, report)
    real_pairs = fields.endothelial(config, config.optics.target.pixel / 2)
    tables = {
        "held_out": held,
        "seen": seen,
        "real": table(config, network, real_pairs, report)[0],
        "beads": checks.beads(config, network),
        "flux": checks.flux(config, network),
        "empty": checks.empty(config, network),
        "coverage": checks.coverage(seen_answers, "seen families") + checks.coverage(held_answers, "held-out families"),
        "on_grid": checks.on_grid(config, network),
    }
    result = {
        "package": config.name,
        "version": __version__,
        "bars": bars_of(config, tables),
        "training": {"steps": state["step"], "minutes": round(state["elapsed"] / 60, 1), "seed": config.seed},
        "parameters": sum(p.numel() for p in network.parameters()),
        "tables": tables,
    }
    out = Path(out)
    text = json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n"
    package.put(out / "metrics.json", lambda part: Path(part).write_text(text, encoding="utf-8"))
    card.write(config, network, rounded(result), pairs, out)
    for bar in result["bars"]:
        report(f"{'holds ' if bar['holds'] else 'MISSED'} {bar['name']} = {bar['value']} ({bar['must']})")
    return result


def rounded(value):
    """The same structure with floats to five significant digits."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
