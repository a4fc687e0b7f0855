"""Measure a trained package: metrics.json (bars and tables), and from it every number of CARD.md."""

from pathlib import Path

import numpy as np
import torch

from .. import intervals, metrics, normalisation, results
from . import activity, batches, beads, card, checks, comparison, fields, heldout, observe, predict, real, rivals, variants

CANDIDATES = ("input", "rl-plane", "rl-volume", "network")
BRIGHT = beads.LEVEL  # "at 1,000 photons and more"


def signed(config):
    """0 and both signs of every other distance."""
    return [s * d for d in config.evaluation.distances for s in ((1, -1) if d else (1,))]


def specimen(config, network, stacks, photons, seed):
    """Figures of every candidate at every distance for one specimen, whose stacks hold the focus at 0 and at `signed` distances:
    ([{distance, candidate: figures}], [(image, scale, target)])."""
    distances = signed(config)
    image = observe.photograph(config, stacks[0][0], photons, torch.Generator().manual_seed(seed))
    wanted = observe.truth(config, observe.target(config, stacks), photons)[: len(distances)]
    made, scales = (v.numpy() for v in predict.refocus(network, image, distances, config.normalisation.percentiles))
    rows, answers = [], []
    classical = rivals.restored(config, image, wanted, distances, checks.EDGE, config.data.target)
    for d, restored, picture, scale, target in zip(distances, classical, made, scales, wanted.numpy()):
        own = {"input": metrics.compare(image, target, checks.EDGE), "network": metrics.compare(picture, target, checks.EDGE)}
        rows.append({"distance": abs(d), **restored, **own})
        answers.append(tuple(checks.inner(v) for v in (picture, scale, target)))
    return rows, answers


def summarise(rows, **labels):
    """One table row: means of every candidate, and the network's gain over the best baseline with its 95 % interval over the specimens (`of` in each row):
    what is seen of one specimen on both sides of focus, and in several lights, counts as one. None where there is one specimen only."""
    means = {c: {k: float(np.mean([r[c][k] for r in rows])) for k in ("psnr", "ssim", "nrmse", "nrmse_raw")} for c in CANDIDATES}
    rival = max((c for c in CANDIDATES if c != "network"), key=lambda c: means[c]["psnr"])
    differences = {}
    for row in rows:
        differences.setdefault(row["of"], []).append(row["network"]["psnr"] - row[rival]["psnr"])
    mean, low, high = metrics.bootstrap([np.mean(of_one) for of_one in differences.values()])
    if len(differences) == 1:
        low = high = None
    counts = {c: float(np.median([r[c]["iterations"] for r in rows])) for c in CANDIDATES if c.startswith("rl")}
    gain = {"over": rival, "mean": mean, "low": low, "high": high}
    return {**labels, "cases": len(rows), "specimens": len(differences), "candidates": means, "iterations": counts, "gain": gain}


def table(config, network, named, report):
    """Rows for every family × photon level × distance, then all families, and all families and levels ('all'); the answers by level."""
    rows, pooled, answers = [], {}, {}
    for name, specimens in named.items():
        for photons in config.evaluation.photons:
            found = []
            for index, stacks in enumerate(specimens):
                cases, given = specimen(config, network, stacks, photons, seed=photons + index)
                found += [{**case, "of": (name, index)} for case in cases]
                answers.setdefault(photons, []).extend(given)
            for d in config.evaluation.distances:
                here = [r for r in found if r["distance"] == d]
                rows.append(summarise(here, specimen=name, photons=photons, distance_um=d))
                for level in (photons, "all"):
                    pooled.setdefault((level, d), []).append(here)
            gains = ", ".join(f"{r['distance_um']} µm {r['gain']['mean']:+.2f}" for r in rows[-len(config.evaluation.distances) :])
            report(f"{name}, {photons} photons, dB over the best baseline: {gains}")
    rows += [summarise(sum(found, []), specimen="all", photons=level, distance_um=d) for (level, d), found in pooled.items()]
    return rows, answers


def gains(config, rows):
    """For each distance the dB over the best baseline of every family and photon level, each judged against its own best: mean over all of
    these with its 95 % interval, of the dimmest and of the brightest level, and the worst."""
    found = []
    for d in config.evaluation.distances:
        cells = [(r["photons"], r["gain"]["mean"]) for r in rows if r["specimen"] != "all" and r["distance_um"] == d]
        levels = config.evaluation.photons
        dim, bright = (float(np.mean([g for p, g in cells if p == level])) for level in (min(levels), max(levels)))
        values = [g for _, g in cells]
        mean, low, high = metrics.bootstrap(values)
        found.append({"distance_um": d, "gain_db": mean, "low_db": low, "high_db": high, "dimmest_db": dim, "brightest_db": bright, "worst_db": min(values)})
    return found


def shuffled(config, network, named, report):
    """PSNR with the right map of distances and with another one of those measured, at 1,000 photons and more: means over the held-out families."""
    distances = signed(config)
    turned = distances[1:] + distances[:1]
    wrong = [-d if d else min(distances[1:], key=lambda d: abs(d - config.data.reach / 2)) for d in distances]
    rows = []
    for photons in [p for p in config.evaluation.photons if p >= BRIGHT]:
        found = []
        for specimens in named.values():
            for index, stacks in enumerate(specimens):
                image = observe.photograph(config, stacks[0][0], photons, torch.Generator().manual_seed(photons + index))
                wanted = observe.truth(config, observe.target(config, stacks), photons)[: len(distances)].numpy()
                made = dict(zip(distances, predict.refocus(network, image, distances, config.normalisation.percentiles)[0].numpy()))
                found += [[metrics.compare(made[d], target, checks.EDGE)["psnr"] for d in ds] for *ds, target in zip(distances, turned, wrong, wanted)]
        right, other, mirrored = np.mean(found, 0)
        rows.append({"photons": photons, "right_db": float(right), "another_db": float(other), "opposite_db": float(mirrored), "cost_db": float(right - other)})
    report("maps of distances exchanged")
    return rows


def fresh(config, network, count, first):
    """`answered` of `count` specimens of the training's families, number `first` and the next."""
    return answered(config, network, (fields.make(config, first + index) for index in range(count)))


def answered(config, network, entries):
    """{photons: [(image, scale, target, unit)]} of pool entries, each at a random distance, in units of the input, of which `unit` is one of the network's."""
    answers, generator = {}, torch.Generator().manual_seed(3)
    for entry in entries:
        source, wanted = batches.choose(entry["positions"], int(entry["inputs"]), config.data.reach, generator)
        seen, true = (torch.from_numpy(entry[k][i].astype(np.float32)) for k, i in (("widefield", source), (config.data.target, wanted)))
        distance = float(entry["positions"][wanted] - entry["positions"][source])
        for photons in config.evaluation.photons:
            image = observe.photograph(config, seen, photons, generator)
            made, scale = predict.refocus(network, image, [distance], config.normalisation.percentiles)
            pictures = made[0].numpy(), scale[0].numpy(), observe.truth(config, true, photons).numpy()
            unit = normalisation.normalise(image, config.normalisation.percentiles)[2]
            answers.setdefault(photons, []).append((*(checks.inner(v) for v in pictures), unit))
    return answers


def entries_seen(config, network, report):
    """Answers on fresh specimens of the training's families by photon level, for `coverage`."""
    answers = {photons: [answer[:3] for answer in found] for photons, found in answered(config, network, observe.seen(config, checks.SEEN)).items()}
    report("families of the training done")
    return answers


def bead_table(config, network, report):
    """Rows of `beads.measure` at a bright and a dimmer level (of a confocal target, at few distances: no bar depends on them), and the widths they
    are relative to."""
    reach, rows = int(config.data.reach), []
    few = (-reach, -5, 0, 5, reach)
    all_of_them = few if config.data.target == "confocal" else range(-reach, reach + 1)
    for photons, distances in ((BRIGHT, all_of_them), (BRIGHT // 5, few)):
        found, widths = beads.measure(config, network, photons, [float(d) for d in distances], report)
        rows += found
    return rows, widths


def bars_of(config, tables):
    """[{name, value, holds, must}] from the tables."""
    bars = results.Bars()
    bar = bars.add

    def sides(key, d):
        """The values on either side of focus; what could not be measured is endless."""
        return [np.inf if r[key] is None or r[key] != r[key] else r[key] for r in bright if abs(r["distance_um"]) == d]

    bright = [r for r in tables["beads"] if r["photons"] == BRIGHT]
    away = [r for r in tables["gains"] if r["distance_um"]]
    value = min(r["gain_db"] for r in away)
    bar("gain-dz", value, value >= 1, f"≥ 1 dB over the best baseline of each family and photon level, mean; the worst of {', '.join(str(r['distance_um']) for r in away)} µm")
    bar("false-energy", max(r["energy"] for r in tables["empty"]), max(r["energy"] for r in tables["empty"]) <= 0.01, "≤ 0.01 of the target's energy, worst photon level")
    value = min(r["precision"] or 0.0 for r in tables["spots"])
    bar("spot-precision", value, value >= 0.95, "≥ 0.95, worst photon level")
    value = min(r["flux_ratio"] for r in tables["rare"])
    bar("rare-flux", value, value >= 0.8, "≥ 0.8 of the light, worst photon level")
    value = max(abs(r["inside"] - r["interval"]) for r in tables["coverage"] if r["specimens"] == "seen families")
    bar("coverage-error", value, value <= 0.05, "≤ 0.05 for 50, 80 and 95 % intervals, seen families, worst level")
    if config.data.target == "confocal":
        for name, value in tables["sectioning"].items():
            bar(f"sectioning-{name}", value, 0.75 <= value <= 1.25, "0.75-1.25 of the confocal truth's energy")
    else:
        for d, limit in ((5, 1.2), (10, 1.5)):
            narrow, wide = min(sides("lateral", d)), max(sides("lateral", d))
            worse = narrow if narrow < beads.NARROW and wide <= limit else wide
            bar(f"lateral-fwhm-{d}", worse, beads.NARROW <= narrow and wide <= limit, f"≤ {limit} of the target's (and ≥ {beads.NARROW}), the worse side of focus")
        axial = sides("axial", 5)
        furthest = max(axial, key=lambda v: abs(v - 1))
        bar("axial-fwhm", furthest, all(0.8 <= v <= 1.25 for v in axial), "0.8-1.25 of the scanned stack's, beads at ±5 µm")
        for d, limit in ((5, 1), (10, 2)):
            value = max(sides("z_error_um", d))
            bar(f"z-error-{d}", value, value <= limit, f"≤ {limit} µm, median, the worse side of focus")
        value = float(np.mean([r["sign_errors"] for r in bright if abs(r["distance_um"]) >= 2]))
        bar("sign-errors", value, value <= 0.05, f"≤ 0.05 of the beads from 2 to 10 µm at {BRIGHT} photons")
        value = min(r["cost_db"] for r in tables["shuffle"])
        bar("dpm-shuffle-cost", value, value >= 3, f"≥ 3 dB lost with another map of distances, at {BRIGHT} photons and more")
        value = tables["field_depth"][0]["ratio"]
        bar("dof-extension", value, value >= 15, "≥ 15 times the raw image's range (20 is the goal)")
    bars.add_cost(tables)
    return bars


def run(config, work, out, report=print):
    """Evaluate what was trained in `work`, or without it (None) the package in `out`, and write metrics.json, CARD.md and figures into `out`."""
    out = Path(out)
    network, state, variant_rows, variant = results.of_run_or_package(config, work, out, variants.load)
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    positions = signed(config)
    named = {name: observe.held_out(config, name, config.evaluation.fields, positions) for name in heldout.FAMILIES}
    report("held-out specimens made")
    held, held_answers = table(config, network, named, report)
    bead_rows, widths = bead_table(config, network, report)
    depths = []
    if config.data.target != "confocal":
        raw, depth = beads.raw_range(config), beads.depth_of_field([r for r in bead_rows if r["photons"] == BRIGHT])
        depths = [{"network_um": depth, "raw_um": raw, "ratio": depth / raw}]
    tables = {
        "held_out": held,
        "gains": gains(config, held),
        "beads": bead_rows,
        "bead_widths": [widths],
        "field_depth": depths,
        "shuffle": shuffled(config, network, named, report),
        "empty": checks.empty(config, network),
        "spots": checks.spots(config, network),
        "rare": checks.rare(config, network),
        "coverage": intervals.coverage(entries_seen(config, network, report), "seen families") + intervals.coverage(held_answers, "held-out families", looks=len(signed(config))),
        "surfaces": checks.surfaces(config, network),
        "aberrations": checks.aberrations(config, network),
        "beyond": checks.beyond(config, network),
        "activity": activity.neurons(config, network),
        "real": real.stacks(config, network),
        "designs": comparison.stored(),
        "variants": variant_rows,
    }
    if config.data.target == "confocal":
        tables["sectioning"] = checks.sectioning(config, network)
    card.figure(config, network, named, out / "figure-refocused.png")
    return results.conclude(config, bars_of, card.write, tables, out, report, state, network, shipped=variant)


def retime(config, out, report=print):
    """Time the packaged network anew, on a quiet machine, and leave every other figure as it was measured; designs are read again."""
    return results.again(config, bars_of, card.write, out, report, designs=comparison.stored())
