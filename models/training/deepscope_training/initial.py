"""Weights that a new training begins with: another run's checkpoint, or a package that was shipped, whose checkpoint nobody has any more."""

import json
from pathlib import Path

import torch

from . import states
from .errors import TrainingError, library


def weights(path, network):
    """Begin `network` with the weights of `path`, a checkpoint or the folder of a package. Returns what the package says of it: {package, step}."""
    path = Path(path)
    values, origin = of_package(path, network) if path.is_dir() else of_checkpoint(path)
    try:
        network.load_state_dict(values)
    except RuntimeError as error:
        raise TrainingError(f"The weights of {path} do not fit this network; begin with one of the same 'network' section.") from error
    return origin


def of_checkpoint(path):
    if not path.is_file():
        raise TrainingError(f"There is no checkpoint {path} to begin with.")
    state = states.load(path, "checkpoint", ("network", "config", "step"))
    return state["network"], {"package": state["config"]["name"], "step": state["step"]}


def of_package(folder, network):
    """The initialisers of model.onnx that carry the names of `network`'s parameters. An export that folds them (batch normalisation) keeps no such names."""
    onnx = library("onnx")
    from onnx import numpy_helper

    try:
        measured = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        origin = {"package": measured["package"], "step": measured["training"]["steps"]}
        graph = onnx.load(str(folder / "model.onnx")).graph
    except Exception as error:  # a missing file, or whatever reading a damaged one raises
        raise TrainingError(f"{folder} holds no model.onnx and metrics.json that can be read; begin with a package or a checkpoint.") from error
    found = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in found]
    if missing:
        raise TrainingError(f"The network of {folder} has no weights named {missing[0]}: it is another network, or its export has changed them. Begin with a checkpoint.")
    return {name: found[name] for name in wanted}, origin
