"""What every package is made of: files put in place whole, their hashes, tensors, and the trained network itself."""

import datetime
import hashlib
import warnings
from pathlib import Path

import numpy as np
import torch

from . import __version__, kinds, train
from .errors import library, writing
from .states import put

OPSET = 17


def load_network(config, work):
    """The trained network of a folder with a checkpoint, ready to run, and the checkpoint."""
    state = train.read_checkpoint(Path(work) / "checkpoint.pt", config)
    network = kinds.of(config).build(config)
    network.load_state_dict(state["network"])
    return network.eval(), state


def write_graph(network, given, path, **names):
    """Write `network`, called with the tensors `given`, as an ONNX graph; names: of inputs and outputs and their free axes, as `torch.onnx.export` takes them. Raises TrainingError without ONNX."""
    library("onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, given, path, opset_version=OPSET, do_constant_folding=True, **names)
    simplify(path)


def simplify(path):
    """Take out of the graph in `path` what does nothing: paddings by no pixel, which the exporter puts before every mean and CoreML does not know, and second names of weights."""
    onnx = library("onnx")
    from onnx import checker, numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    values = [(node.output[0], of) for node in graph.node if node.op_type == "Constant" for of in node.attribute if of.name == "value"]
    constants = {name: numpy_helper.to_array(of.t) for name, of in values}
    outputs = {output.name for output in graph.output}
    idle = [node for node in graph.node if node.output[0] not in outputs and (node.op_type == "Identity" or node.op_type == "Pad" and not constants.get(node.input[1], np.ones(1)).any())]
    same = {node.output[0]: node.input[0] for node in idle}
    for node in idle:
        graph.node.remove(node)
    for node in graph.node:
        for index, name in enumerate(node.input):
            while name in same:
                name = same[name]
            node.input[index] = name
    used = {name for node in graph.node for name in node.input}
    for node in [node for node in graph.node if node.op_type == "Constant" and node.output[0] not in used | outputs]:
        graph.node.remove(node)
    checker.check_model(model)
    onnx.save(model, str(path))


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
