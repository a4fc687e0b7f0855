"""What the measurement of every kind ends with: metrics.json with its bars, the card made of it, and the speed taken anew."""

import json
import math
import shutil
import subprocess
from pathlib import Path

from . import __version__, config as configuration, initial, kinds, markdown
from .errors import TrainingError
from .package import put, read_description

SPEED = {256: 60, 512: 200}  # pixels a side: most milliseconds on two cores
LARGEST = 8  # MiB
COST = ("mib", *(f"ms-{pixels}" for pixels in SPEED))  # bars that follow from the architecture, not from the weights


class Bars(list):
    """[{name, value, holds, must}], and the bars that every package has. A value of four decimals, or that it was not measurable, which is a miss."""

    def add(self, name, value, holds, must):
        known = value is not None and math.isfinite(value)
        self.append({"name": name, "value": round(float(value), 4) if known else "not measurable", "holds": bool(known and holds), "must": must})

    def add_cost(self, tables):
        """Time and size. Without Node nothing was timed."""
        timed = {row["pixels"]: row for row in tables["time"]}
        for pixels, most in SPEED.items():
            row = timed.get(pixels, {"ms": None, "runs": 0})
            self.add(f"ms-{pixels}", row["ms"], row["ms"] is not None and row["ms"] <= most, f"≤ {most} ms for {pixels}² pixels on two cores (onnxruntime, fastest of {row['runs']})")
        self.add("mib", tables["mib"], tables["mib"] <= LARGEST, f"≤ {LARGEST} MiB")


def of_run_or_package(config, work, out, load):
    """What is to be measured, as `load`(config, work) gives it: (network, checkpoint, rows of the compared variants, name of the shipped one). Without `work` (None),
    the package in `out`, whose checkpoint nobody has any more; metrics.json tells the rest, and `version` in that checkpoint is the package's own."""
    if work is not None:
        return load(config, work)
    out, told = Path(out), read(out)
    exported = read_description(out)["version"]
    if exported != told["version"]:
        raise TrainingError(f"{out} was exported as {exported} and last measured as {told['version']}: nothing tells how it was trained. Evaluate it with the --work that it was exported from.")
    network, training = kinds.of(config).build(config), told["training"]
    initial.weights(out, network)
    described = {"seed": training["seed"], "data": told.get("learned") or configuration.as_dict(config)["data"]}
    state = {**training, "step": training["steps"], "elapsed": 60 * training["minutes"], "config": described, "version": told["version"]}
    return network.eval(), state, told["tables"]["variants"], told["shipped"]


def cost(out):
    """The tables `time` and `mib` of the package in `out`."""
    model = Path(out) / "model.onnx"
    return {"time": speed(model, SPEED), "mib": round(model.stat().st_size / 2**20, 2)}


def conclude(config, bars_of, card, tables, out, report, state, network, **more):
    """Judge the tables (floats of five digits) by `bars_of(config, tables)` and write metrics.json and the card: `card(config, result, out)`.

    state: the checkpoint (of a package that is measured anew with its `version`); network: what was measured; more: what else metrics.json shall hold. Returns what it holds.
    """
    tables = markdown.rounded({**tables, **cost(out)})
    result = {
        "package": config.name,
        "version": state.get("version", __version__),
        "specimens_seed": config.seed,
        "bars": bars_of(config, tables),
        "training": {
            "steps": state["step"],
            "minutes": round(state["elapsed"] / 60, 1),
            "seed": state["config"]["seed"],
            "precision": state.get("precision", "float32"),
            **{key: state.get(key) for key in ("initial", "averaged", "judged", "widened")},
        },
        "parameters": sum(p.numel() for p in network.parameters()),
        **markdown.rounded(more),
        **({"remeasured": True} if "version" in state else {}),
        **({"second": second} if "version" in state and (second := read(out).get("second")) else {}),
        "tables": tables,
    }
    return write(config, card, result, out, report)


def again(config, bars_of, card, out, report, **tables):
    """Take the speed of the packaged network anew, on a quiet machine, and replace `tables`; every other figure stays as it was measured."""
    result = read(out)
    result["tables"] |= {**tables, "time": speed(Path(out) / "model.onnx", SPEED)}
    result["bars"] = bars_of(config, result["tables"])
    return write(config, card, result, out, report)


def beside(config, out, other, report=print):
    """Lay the bars of another training of the same network, but for its cost, beside those of the package in `out`, until it is replaced by another; other: the folder that it was exported to and measured
    in, with another seed, on the same specimens."""
    result, second = read(out), read(other)
    if second["package"] != result["package"]:
        raise TrainingError(f"{other} is a {second['package']}, not a {result['package']}.")
    if second["training"]["seed"] == result["training"]["seed"]:
        raise TrainingError(f"{other} has the seed of {out}, {result['training']['seed']}: it says nothing of another one.")
    if second.get("specimens_seed") != result.get("specimens_seed", config.seed):
        raise TrainingError(f"{other} was not measured on the specimens of {out}; evaluate it by that package's configuration ({config.name}).")
    if counted(second["tables"]) != counted(result["tables"]):
        raise TrainingError(f"{other} was measured on other numbers of specimens than {out}; measure both alike (--fields).")
    result["second"] = {"training": second["training"], "bars": [bar for bar in second["bars"] if bar["name"] not in COST]}
    return write(config, kinds.of(config).card.write, result, out, report)


def counted(tables):
    """How many specimens the rows of each table were measured on, where they say so."""
    lists = {name: rows for name, rows in tables.items() if rows and isinstance(rows, list) and name not in ("variants", "designs")}
    return {name: [row[key] for row in rows for key in ("fields", "cases", "cells", "beads", "pairs") if key in row] for name, rows in lists.items()}


def write(config, card, result, out, report):
    """Put metrics.json and the card into the package folder `out`, and say which bars hold."""
    keep(out, result)
    for bar in result["bars"]:
        report(f"{'holds ' if bar['holds'] else 'MISSED'} {bar['name']} = {bar['value']} ({bar['must']})")
    card(config, result, out)
    return result


def keep(out, result):
    """Put metrics.json into the package folder `out`."""
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    put(Path(out) / "metrics.json", lambda part: Path(part).write_text(text, encoding="utf-8"))


def read(out):
    """What an evaluation has written into the package folder `out`."""
    path = Path(out) / "metrics.json"
    if not path.is_file():
        raise TrainingError(f"There is no {path}; evaluate the package first.")
    return json.loads(path.read_text(encoding="utf-8"))


def speed(model, bounds):
    """How long `model` takes on two threads of the application's own runtime: [{pixels, ms, runs, must}] for {pixels a side: bound in ms}. Empty
    where Node or its onnxruntime are not there."""
    tool = Path(__file__).resolve().parents[1] / "tools" / "time-model.mjs"
    if not shutil.which("node") or not Path(model).exists():
        return []
    done = subprocess.run(["node", tool, model, *map(str, bounds)], capture_output=True, text=True)
    if done.returncode:
        return []
    return [{**row, "must": bounds[row["pixels"]]} for row in json.loads(done.stdout)]
