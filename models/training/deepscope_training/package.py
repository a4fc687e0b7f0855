"""What every package is made of: files put in place whole, their hashes, tensors, and the trained network itself."""

import datetime
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

from . import __version__, kinds, train
from .errors import TrainingError, writing

OPSET = 17


def load_network(config, work):
    """The trained network of a folder with a checkpoint, ready to run, and the checkpoint."""
    state = train.read_checkpoint(Path(work) / "checkpoint.pt", config)
    network = kinds.of(config).build(config)
    network.load_state_dict(state["network"])
    return network.eval(), state


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def put(path, write):
    """Let `write(part)` make a file beside `path`, then rename it into place."""
    part = path.with_name(path.name + ".part")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(str(part))
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_array(path, tensor):
    with open(path, "wb") as stream:
        np.save(stream, tensor.numpy().astype(np.float32))


def head(config, name, description, cite, tags):
    """How every rdf.yaml begins: what the package is, whose, and whom it cites ({text, doi})."""
    return {
        "format_version": "0.5.4",
        "type": "model",
        "id": config.name,
        "name": name,
        "description": description,
        "version": __version__,
        "timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "authors": [{"name": "Deepscope developers"}],
        "license": "CC-BY-4.0",
        "documentation": "CARD.md",
        "cite": [cite],
        "tags": tags,
    }


def put_metrics(result, out, report):
    """Write metrics.json into the package folder `out`, and say which bars hold."""
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    put(Path(out) / "metrics.json", lambda part: Path(part).write_text(text, encoding="utf-8"))
    for bar in result["bars"]:
        report(f"{'holds ' if bar['holds'] else 'MISSED'} {bar['name']} = {bar['value']} ({bar['must']})")


def metrics_of(out):
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
