"""Where the map of distances enters, measured: both designs trained alike, compared, and the result kept.

    python3 -m deepscope_training.refocus.comparison deep-z --steps 5000 --precision bfloat16 --work DIR --pool DIR

writes refocus/designs.json, from which every card takes its table.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import torch

from .. import config as configuration, metrics, package, pool, train
from . import batches, checks
from .networks import MODES

STORED = Path(__file__).parent / "designs.json"
PLANES, PIXELS = 41, 256
GROUPS = ((0.0, 3.5), (3.5, 6.5), (6.5, 10.5))  # µm


def stored():
    """Rows of the last comparison; empty if there was none."""
    return json.loads(STORED.read_text(encoding="utf-8"))["rows"] if STORED.exists() else []


def quality(config, network, fields):
    """PSNR (dB) of the validation examples by distance, and of their inputs."""
    tensors = batches.validation(config, fields)
    found = {group: [] for group in GROUPS}
    with torch.no_grad():
        made = torch.cat([network(raw, dpm)[:, :1] for raw, dpm in zip(tensors[0].split(8), tensors[1].split(8))])
    for raw, dpm, target, _, image in zip(*tensors, made):
        distance = abs(float(dpm[0, 0, 0])) * batches.UNIT
        for low, high in GROUPS:
            if low <= distance < high:
                found[low, high].append([metrics.compare(v[0].numpy(), target[0].numpy())["psnr"] for v in (raw, image)])
    return {group: np.mean(values, 0).tolist() for group, values in found.items()}


def cost(network):
    """Seconds of one core for one plane, and for each of PLANES planes of one image together."""
    raw, dpm = torch.rand(1, 1, PIXELS, PIXELS), torch.linspace(-1, 1, PLANES).view(-1, 1, 1, 1).expand(-1, 1, PIXELS, PIXELS)

    def clock(part):
        start = time.process_time()
        with torch.no_grad():
            network(raw, part)
        return time.process_time() - start

    return min(clock(dpm[:1]) for _ in range(5)), min(clock(dpm) for _ in range(2)) / PLANES


def told_apart(config, network):
    """Share of beads, at aberrations of the training, that are put on the right side of focus."""
    low, high = config.optics.spherical
    rows = checks.aberrations(config, network, waves=[waves for waves in checks.WAVES if low <= waves <= high])
    return float(np.average([row["sign_accuracy"] for row in rows], weights=[row["beads"] for row in rows]))


def run(config, work, pool_folder, steps, report=print, precision=None):
    """Train both designs for `steps` steps on what the pool holds now, measure them, and store the rows."""
    rows, fields = [], pool.Pool(pool_folder)
    for mode in MODES:
        here = dataclasses.replace(
            config, network=dataclasses.replace(config.network, dpm=mode), training=dataclasses.replace(config.training, steps=steps)
        )
        train.run(here, Path(work) / mode, pool_folder, steps=steps, grow=False, report=report, precision=precision)
        network, state = package.load_network(here, Path(work) / mode)
        found, (one, shared) = quality(here, network, fields), cost(network)
        row = {"dpm": mode, "parameters": sum(p.numel() for p in network.parameters()), "steps": state["step"], "precision": state.get("precision") or "float32"}
        row |= {f"{low:g}-{high:g} µm, dB (input)": f"{own:.2f} ({raw:.2f})" for (low, high), (raw, own) in found.items()}
        row["right side of focus"] = f"{told_apart(here, network):.0%}"
        rows.append({**row, f"ms a plane of {PIXELS}², one core": round(1e3 * one), f"the same, {PLANES} planes together": round(1e3 * shared)})
        report(str(rows[-1]))
    text = json.dumps({"package": config.name, "rows": rows}, indent=1, ensure_ascii=False) + "\n"
    package.put(STORED, lambda part: Path(part).write_text(text, encoding="utf-8"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], help="in which the networks compute while they learn")
    parser.add_argument("--work", type=Path, required=True, help="folder for the two trainings")
    parser.add_argument("--pool", type=Path, required=True, help="folder of the pool")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run(configuration.load(options.package), options.work, options.pool, options.steps, precision=options.precision)


if __name__ == "__main__":
    main()
