"""Package a trained network of protein location: model.onnx, test tensors and a BioImage.IO 0.5 description."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from .. import normalisation, package, pool, states, statistics
from . import batches, calibrate, organelles, simulate
from .networks import STEP

OUTPUTS = ("probabilities", "embedding", "activation", "novelty")
SMALLEST = 64  # pixels a side
TEST_SEED = 1
TILES = 1200  # fields that statistics are taken from
BLUR_UM = (0.8, 2.0)  # σ of the blur that the guard must tell from the inputs

CITE = {
    "text": "Tahir, M., Anwar, S., Mian, A. & Muzaffar, A. W. Deep localization of subcellular protein structures from fluorescence microscopy images. Neural Comput. Appl. (2021), arXiv 1910.04287. The task and the kind of network; these weights were trained independently.",
    "doi": "10.1007/s00521-021-06715-y",
}


def to_onnx(module, path):
    """Export with free batch, height and width."""
    free = {name: {0: "batch"} for name in OUTPUTS}
    free["activation"] = {0: "batch", 2: "rows", 3: "columns"}
    axes = {"raw": {0: "batch", 2: "y", 3: "x"}, **free}
    package.write_graph(module, torch.zeros(1, 1, 128, 128), path, input_names=["raw"], output_names=list(OUTPUTS), dynamic_axes=axes)


def test_input(config):
    """A photograph at 300 photons of mitochondria that no training saw, in the camera's grey values, (1, 1, 128, 128): the same for every version."""
    config = dataclasses.replace(config, seed=TEST_SEED)
    made = simulate.picture(config, 10_000_019, "mitochondria")
    image = torch.from_numpy(made["image"]).float()[None, :128, :128]
    generator = torch.Generator().manual_seed(config.seed)
    return batches.photograph(image, config.camera, generator, photons=300.0, background=0.1)[:, None]


def guard(config, folder):
    """What training inputs look like (statistics.py): the same features as for the other packages, of fields brought to the network's grid, where they are large enough for it."""
    rng, generator = np.random.default_rng((config.seed, 10)), torch.Generator().manual_seed(config.seed + 99)
    settings = dataclasses.replace(config.camera, hot_pixels=0.0)
    plain, blurred, entries = [], [], pool.Pool(folder)
    for index in range(min(TILES, pool.counted(folder, config.data.fields))) if config.data.field >= statistics.TILE else ():
        entry = entries[index]
        picture = batches.on_grid(torch.from_numpy(entry["image"]).float()[None], float(entry["pixel"]), config.evaluation.grid)
        if min(picture.shape[-2:]) < statistics.TILE:
            continue
        picture = picture[:, : statistics.TILE, : statistics.TILE]
        sigma = float(np.exp(rng.uniform(*np.log(BLUR_UM)))) / config.evaluation.grid
        for found, seen in ((plain, picture), (blurred, torch.from_numpy(ndimage.gaussian_filter(picture.numpy(), (0, sigma, sigma))))):
            found.append(statistics.features(batches.photograph(seen, settings, generator)[0].numpy()))
    return statistics.kept({config.evaluation.grid: (plain, blurred)})


def run(config, work, pool_folder, out, report=print):
    """Calibrate the checkpoint of `work` and write the package into `out`. What was there is replaced file by file, the description last."""
    network, state = package.load_network(config, work)
    found = {**calibrate.fit(config, network, pool_folder, report), "step": state["step"]}
    states.save(Path(work) / calibrate.FILE, found)
    module, _, _ = calibrate.load(config, work)
    out = Path(out)
    package.put(out / "model.onnx", lambda part: to_onnx(module, part))
    raw = test_input(config)
    with torch.no_grad():
        given = module(batches.normalise(raw[:, 0], config.normalisation.percentiles)[:, None])
    for name, tensor in (("test-input.npy", raw), *((f"test-{name}.npy", value) for name, value in zip(OUTPUTS, given))):
        package.put(out / name, lambda part, tensor=tensor: package.save_array(part, tensor))
    text = json.dumps(guard(config, pool_folder), ensure_ascii=False) + "\n"
    package.put(out / "statistics.json", lambda part, text=text: Path(part).write_text(text, encoding="utf-8"))
    package.put_description(out, describe(config, state, found, out))
    report(f"Wrote {out.name}: {sum(p.numel() for p in network.parameters())} parameters, step {state['step']}.")


def outputs(config, found, tensor):
    """The descriptions of the four outputs; `tensor(name)` names a test file and its hash."""
    names, depth = list(organelles.NAMES), found["means"].shape[1]
    places = [{"type": "space", "id": a, "unit": "micrometer", "scale": config.evaluation.grid * STEP, "size": {"tensor_id": "raw", "axis_id": a}} for a in "yx"]
    axes = {
        "probabilities": [{"type": "channel", "channel_names": names}],
        "embedding": [{"type": "index", "id": "feature", "size": depth}],
        "activation": [{"type": "channel", "channel_names": names}, *places],
        "novelty": [{"type": "channel", "channel_names": ["novelty"]}],
    }
    words = {
        "probabilities": "How probable each of the nine places is, if it is one of them; calibrated on simulated cells.",
        "embedding": "The image in the network's own terms: near each other, alike.",
        "activation": f"Class activation maps, one place for {STEP} × {STEP} pixels: their mean is the evidence (logit) of the class.",
        "novelty": f"How little the image is like any of the nine ({found['score']}); above {found['limit']:.5g} it is called none of them.",
    }
    return [
        {
            "id": name,
            "description": words[name],
            "axes": [{"type": "batch"}, *axes[name]],
            "data": {"type": "float32", "unit": "arbitrary unit"},
            "test_tensor": tensor(f"test-{name}.npy"),
        }
        for name in OUTPUTS
    ]


def describe(config, state, found, out):
    """The rdf.yaml as a dictionary; `found` as `calibrate.fit` gives it."""
    optics, camera, percentiles = config.optics, config.camera, config.normalisation.percentiles
    kwargs = {"axes": ["y", "x"], "min_percentile": percentiles[0], "max_percentile": percentiles[1], "eps": normalisation.EPSILON}

    def tensor(name):
        return {"source": name, "sha256": package.sha256(out / name)}

    space = {"type": "space", "unit": "micrometer", "scale": config.evaluation.grid, "size": {"min": SMALLEST, "step": STEP}}
    return {
        **package.head(
            config,
            "Protein location in cells",
            "Names the place of one fluorescently labelled protein in cultured cells: nucleus, nucleoli, endoplasmic reticulum, Golgi, lysosome, endosome, "
            "mitochondria, actin or microtubules, or none of them; with maps of where the evidence lies.",
            CITE,
            ["classification", "protein-localization", "fluorescence-light-microscopy", "widefield", "cells", "2d"],
        ),
        "inputs": [
            {
                "id": "raw",
                "description": f"One channel, the protein, one cell or a few, brought to {config.evaluation.grid} µm pixels by means over areas.",
                "axes": [{"type": "batch"}, {"type": "channel", "channel_names": ["intensity"]}, {**space, "id": "y"}, {**space, "id": "x"}],
                "data": {"type": "float32", "unit": "arbitrary unit"},
                "test_tensor": tensor("test-input.npy"),
                "preprocessing": [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}, {"id": "scale_range", "kwargs": kwargs}],
            }
        ],
        "outputs": outputs(config, found, tensor),
        "weights": {"onnx": {**tensor("model.onnx"), "opset_version": package.OPSET}},
        "config": {
            "bioimageio": {"reproducibility_tolerance": [{"relative_tolerance": 1e-3, "absolute_tolerance": 1e-3}]},
            "deepscope": {
                "task": "classification",
                "modality": "widefield",
                "modalities": ["widefield", *(["confocal"] if optics.sectioned else [])],
                "pixel_size_um": config.evaluation.grid,
                "pixel_sizes_um": config.pixels,
                "numerical_aperture": {"input": sorted(optics.na)[len(optics.na) // 2], "on_grid": [min(optics.na), max(optics.na)]},
                "sample_index": optics.index,
                "wavelengths_um": list(optics.wavelengths),
                "spherical_aberration_waves_rms": list(optics.spherical),
                "specimen_half_depth_um": list(config.data.depth),
                "photons": list(camera.photons),
                "background_of_peak": list(camera.background),
                "structures": list(organelles.NAMES),
                "classes": list(organelles.NAMES),
                "shown_as_none": [*organelles.ODD, *simulate.TEXTURES],
                "temperature": round(found["temperature"], 4),
                "novelty": {"score": found["score"], "limit": float(f"{found['limit']:.6g}"), "false_alarm": config.evaluation.false_alarm, "output": "novelty"},
                "outputs": {"probabilities": "probabilities", "embedding": "embedding", "activation": "activation", "novelty": "novelty"},
                "multiple_of": STEP,
                "training": {"steps": state["step"], "minutes": round(state["elapsed"] / 60, 1), "seed": state["config"]["seed"]},
                "bits": package.bits(state),
                "guard": {"statistics": tensor("statistics.json")},
            },
        },
    }
