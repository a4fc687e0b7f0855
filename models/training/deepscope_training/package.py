"""What every package is made of: files put in place whole, their hashes, tensors, and the trained network itself."""

import datetime
import hashlib
from pathlib import Path

import numpy as np

from . import __version__, kinds, train
from .errors import writing
from .states import put

OPSET = 17


def load_network(config, work):
    """The trained network of a folder with a checkpoint, ready to run, and the checkpoint."""
    state = train.read_checkpoint(Path(work) / "checkpoint.pt", config)
    network = kinds.of(config).build(config)
    network.load_state_dict(state["network"])
    return network.eval(), state


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_array(path, tensor):
    with open(path, "wb") as stream:
        np.save(stream, tensor.numpy().astype(np.float32))


def put_description(out, description):
    """Write the description, a dictionary, into the package folder `out` as rdf.yaml."""
    import yaml

    text = yaml.safe_dump(description, sort_keys=False, width=120, allow_unicode=True)
    put(Path(out) / "rdf.yaml", lambda part: Path(part).write_text(text, encoding="utf-8"))


def read_description(out):
    """The description of the package in the folder `out`, to be changed and put there again."""
    import yaml

    path = Path(out) / "rdf.yaml"
    with writing(path):
        return yaml.safe_load(path.read_text(encoding="utf-8"))


def bits(state):
    """Bit depths of the photographs that a checkpoint learned from."""
    return [8, 12, 16] if state["config"]["camera"].get("twelve_bit") else [8, 16]


def made_now():
    """How an rdf.yaml says by which version of the factory, and when, the package was made."""
    return {"version": __version__, "timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def head(config, name, description, cite, tags):
    """How every rdf.yaml begins: what the package is, whose, and whom it cites ({text, doi})."""
    return {
        "format_version": "0.5.4",
        "type": "model",
        "id": config.name,
        "name": name,
        "description": description,
        **made_now(),
        "authors": [{"name": "Deepscope developers"}],
        "license": "CC-BY-4.0",
        "documentation": "CARD.md",
        "cite": [cite],
        "tags": tags,
    }
