"""Measure a trained package: metrics.json (bars and tables), and from it every number of CARD.md."""

from pathlib import Path

import numpy as np

from .. import intervals, metrics, normalisation, results
from . import authors, card, checks, describe, fields, points, predict, reconstruction, rivals, variants

CANDIDATES = ("nearest", "bilinear", "bicubic", "wiener", "richardson-lucy", "rl-tv", "network")
VALIDATION = 4  # fields for each family and photon level on which the baselines' settings are chosen


def group(config, network, pairs, settings, photons, seed):
    """Figures of every candidate on photographs of `pairs` at one photon level: a list over fields of {candidate: figures},
    and the (image, scale, target) of the network for each. settings: as `rivals.choose` gives them, or None: then every classical method has the best for each field, as Wiener's filter always has."""
    images, targets, electrons = fields.shots(config, pairs, photons, seed)
    rows, answers = rivals.figures(config, images, electrons, targets, settings), []
    for row, image, target in zip(rows, fields.raise_all(config, images), targets):
        restored, scale = predict.enhance(network, image, config.normalisation.percentiles)
        row["network"] = metrics.compare(restored, target)
        answers.append((restored.numpy(), scale.numpy(), target.numpy()))
    return rows, answers


def fresh(config, network, count, first):
    """{photons: [(image, scale, target, unit)]} of `count` specimens of the training's families, number `first` and the next, in units of the input, of which `unit` is one of the network's."""
    pairs, found = fields.seen(config, count, first=first), {level: [] for level in config.evaluation.photons}
    for level in found:
        images, targets, _ = fields.shots(config, pairs, level, seed=level + 2)
        for image, target in zip(fields.raise_all(config, images), targets):
            restored, scale = predict.enhance(network, image, config.normalisation.percentiles)
            unit = normalisation.normalise(image, config.normalisation.percentiles)[2]
            found[level].append((restored.numpy(), scale.numpy(), target.numpy(), unit))
    return found


def summarise(groups, **labels):
    """One table row of groups (lists over fields of {candidate: figures}): means of every candidate over all fields, and the network's gain over the best
    baseline of each group with its 95 % interval."""
    rows = [row for group in groups for row in group]
    means = {c: {k: float(np.mean([r[c][k] for r in rows])) for k in ("psnr", "ssim", "nrmse", "nrmse_raw")} for c in CANDIDATES}
    result = {**labels, "fields": len(rows), "candidates": means}
    for key in ("psnr", "ssim"):
        best = [max(CANDIDATES[:-1], key=lambda c: np.mean([r[c][key] for r in group])) for group in groups]
        gain = metrics.bootstrap([r["network"][key] - r[rival][key] for group, rival in zip(groups, best) for r in group])
        over = best[0] if len(set(best)) == 1 else "the best of each"
        result[f"{key}_gain"] = {"over": over, "mean": gain[0], "low": gain[1], "high": gain[2]}
    return result


def table(config, network, named, report):
    """Rows for every name × photon level, then all names together for each level ('all') where there are several, and the network's answers by level.

    named: {name: (pairs to measure on, pairs to choose the baselines' settings on, or None where each field is given its best)}.
    """
    rows, by_level, answers = [], {}, {}
    for name, (pairs, validation) in named.items():
        for level in config.evaluation.photons:
            settings = rivals.choose(config, validation, level, level + 7) if validation else None
            found, given = group(config, network, pairs, settings, level, seed=level)
            rows.append({**summarise([found], specimen=name, photons=level), "settings": {k: list(v) for k, v in (settings or {}).items()}})
            by_level.setdefault(level, []).append(found)
            answers.setdefault(level, []).extend(given)
            gain = rows[-1]["psnr_gain"]
            report(f"{name}, {level} photons: {rows[-1]['candidates']['network']['psnr']:.2f} dB, {gain['mean']:+.2f} over {gain['over']}")
    if len(named) > 1:
        rows += [summarise(found, specimen="all", photons=level) for level, found in by_level.items()]
        rows.append(summarise([group for found in by_level.values() for group in found], specimen="all", photons="all"))
    return rows, answers


def spread_further(config, network, report):
    """Rows for specimens whose input's light is spread further than theory says, by `blur` of the configuration's evaluation; none where it is 0."""
    evaluation = config.evaluation
    return table(config, network, {"spread further": (fields.seen(config, evaluation.fields, blur=[evaluation.blur] * 2), None)}, report)[0] if evaluation.blur > 0 else []


def out_of_focus(config, network, key, report):
    """Rows for specimens in one plane that are all out of focus as `key` of the configuration's data says (`off_focus`, `slip`); none where the training has no such."""
    share, reach = getattr(config.data, key)
    if not share:
        return []
    pairs = fields.seen(config, config.evaluation.fields, thin=1.0, **{key: [1.0, reach]})
    return table(config, network, {key.replace("_", " "): (pairs, None)}, report)[0]


def worst(rows, key, bound):
    return min(row[key][bound] for row in rows)


def bars_of(config, tables):
    """[{name, value, holds, must}] from the tables; a check that does not apply to the network is left out."""
    bars = results.Bars()
    bar = bars.add

    overall = next(r for r in tables["held_out"] if r["photons"] == "all")["candidates"]
    for key, unit in (("psnr", " dB"), ("ssim", "")):
        for rival, label in (("nearest", "input"), ("bilinear", "input-bilinear"), ("bicubic", "bicubic"), ("richardson-lucy", "richardson-lucy")):
            value = overall["network"][key] - overall[rival][key]
            bar(f"heldout-{key}-over-{label}", value, value > 0, f"> 0{unit}, mean over all held-out fields and photon levels")
    together = [r for r in tables["held_out"] if r["specimen"] == "all" and r["photons"] != "all"]
    value = worst(together, "psnr_gain", "low")
    bar("gain-heldout", value, value >= 0, "≥ 0 dB over the best baseline of each family, worst photon level, lower end of the 95 % interval")
    value = worst(tables["seen"], "psnr_gain", "low")
    bar("gain-seen", value, value >= 1, "≥ 1 dB over the best baseline, families of the training, worst photon level, lower end of the 95 % interval")
    real = [r["psnr_gain"]["mean"] for r in tables["real"] if r["specimen"] != "all"]
    value = np.mean(real) if real else np.nan
    bar("gain-real", value, value >= 0.5, "≥ 0.5 dB over the best baseline, mean over channels and photon levels")
    ratios = [r["network_over_target"] for r in tables["beads"]]
    furthest = max(ratios, key=lambda v: abs(v - 1))
    bar("fwhm-ratio", furthest, all(0.85 <= v <= 1.15 for v in ratios), "0.85-1.15, the level furthest from 1")
    pairs = tables["two_points"]
    apart = min(r["network"] for r in pairs if r["separation"] >= 1 and r["photons"] >= points.BRIGHT)
    invented = max(r["network"] for r in pairs if r["separation"] < 1)
    bar("two-point", apart, apart >= 0.9 and invented <= 0.1, f"≥ 0.9 of the pairs at 1.0 and 1.2 × the target's resolution shown as two (from {points.BRIGHT} photons on), and two-point-invented ≤ 0.1")
    bar("two-point-invented", invented, invented <= 0.1, "≤ 0.1 of the pairs at 0.6 × the target's resolution shown as two, worst photon level")
    slopes = [r["slope"] for r in tables["flux"]]
    holds = all(abs(v - 1) <= 0.05 for v in slopes)
    bar("flux-slope", max(slopes, key=lambda v: abs(v - 1) if v == v else 9), holds, "0.95-1.05 over a tenfold range, the level furthest from 1; else intensities are arbitrary")
    value = max(r["network"] for r in tables["empty"])
    bar("false-energy", value, value <= 0.01, "≤ 0.01 of the specimen's energy, worst photon level")
    value = min(r["precision"] for r in tables["spots"])
    bar("spot-precision", value, value >= 0.95, "≥ 0.95 of the spots shown are true ones, worst photon level")
    value = min(r["kept"] for r in tables["rare"])
    bar("rare-flux", value, value >= 0.8, "≥ 0.8 of its light kept by a shape absent from training, worst photon level")
    value = max(abs(r["inside"] - r["interval"]) for r in tables["coverage"] if r["specimens"] == "seen families")
    bar("coverage-error", value, value <= 0.05, "≤ 0.05 for 50, 80 and 95 % intervals, seen families, worst level")
    if tables["on_grid"]:
        value = min(r["reblur_correlation"] for r in tables["on_grid"])
        bar("reblur-correlation", value, value >= 0.98, "≥ 0.98 on every real image already on the grid")
        value = max(r["quiet_ratio"] for r in tables["on_grid"])
        bar("background-quiet", value, value <= 1, "≤ 1: grain of the emptiest places, output over input")
    bars.add_cost(tables)
    return bars


def run(config, work, out, report=print):
    """Evaluate what was trained in `work`, or without it (None) the package in `out`, and write metrics.json, CARD.md and figures into `out`; of a package also the flux slopes in its description."""
    out, count = Path(out), config.evaluation.fields
    network, state, compared, shipped = results.of_run_or_package(config, work, out, variants.load)
    named = {name: (fields.held_out(config, name, count), fields.held_out(config, name, VALIDATION, part=1)) for name in config.evaluation.families}
    named = {name: pairs for name, pairs in named.items() if pairs[0]}
    held, held_answers = table(config, network, named, report)
    seen, seen_answers = table(config, network, {"seen families": (fields.seen(config, count), None)}, report)
    real_pairs = {name: (pairs, None) for name, pairs in fields.endothelial(config).items()}
    examples = checks.enhanced(config, network, authors.FOLDER) if config.optics.native_na else {}
    tables = {
        "held_out": held,
        "seen": seen,
        "off_focus": out_of_focus(config, network, "off_focus", report),
        "slip": out_of_focus(config, network, "slip", report),
        "blur": spread_further(config, network, report),
        "real": table(config, network, real_pairs, report)[0],
        "variants": compared,
        "beads": checks.beads(config, network),
        "two_points": points.two_points(config, network),
        "spots": points.spot_precision(config, network),
        "rare": points.rare_flux(config, network),
        "flux": checks.flux(config, network),
        "empty": checks.empty(config, network),
        "coverage": intervals.coverage(seen_answers, "seen families") + intervals.coverage(held_answers, "held-out families"),
        "on_grid": checks.on_grid(config, examples),
        "authors": authors.table(examples),
        "real_pair": checks.real_pair(config, network),
        "reconstruction": reconstruction.table(config, network),
    }
    card.figure(config, network, {name: pairs for name, (pairs, _) in named.items()}, out / "figure-heldout.png")
    learned = describe.learned(state)
    more = {"shipped": shipped, "learned": learned, "resolution_um": points.resolution(config)}
    if work is None:
        describe.tell(out, config, learned["blur"], tables["flux"])
    return results.conclude(config, bars_of, card.write, tables, out, report, state, network, **more)


def retime(config, out, report=print):
    """Time the packaged network anew, on a quiet machine, and leave every other figure as it was measured."""
    return results.again(config, bars_of, card.write, out, report)
