"""Package a trained network: model.onnx, test tensors, statistics of the training inputs and a BioImage.IO 0.5 description."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from .. import normalisation, pool, statistics
from ..package import OPSET, bits, head, put, put_description, save_array, sha256, write_graph
from . import batches, fields, observe, variants
from .batches import UNIT
from .scan import CONFOCAL_REACH, focus_travel

PATENT = (
    "The method of refocusing by a map of distances is patented (WO2020139835A1, University of California). This package is for research; "
    "whoever wants more must ask the owners."
)
CITE = {
    "text": "Wu, Y. et al. Three-dimensional virtual refocusing of fluorescence microscopy images using deep learning. Nat. Methods 16, 1323-1331 "
    "(2019). The task and the map of distances; these weights were trained independently.",
    "doi": "10.1038/s41592-019-0622-5",
}
TEST_DISTANCE = 3.0  # µm: the map of the test tensors is tilted by as much to either side
BLUR_UM = (2.0, 5.0)  # σ of the blur that the guard must tell from the inputs
TILES, PHOTOGRAPHS = 300, 2  # entries that statistics are taken from, and photographs of each


def to_onnx(network, path):
    """Export with names that the description uses; batch (of either input), height and width are free."""
    image, several = torch.zeros(1, 1, 128, 128), torch.zeros(2, 1, 128, 128)
    free = {0: "batch", 2: "y", 3: "x"}
    axes = {"raw": {**free, 0: "images"}, "dpm": free, "refocused": free}
    write_graph(network, (several, several + image), path, input_names=["raw", "dpm"], output_names=["refocused"], dynamic_axes=axes)


def test_tensors(config, network):
    """{file name: tensor (1, C, Y, X)} of up to 128²: a photograph at 1,000 photons of an entry that no training saw, a tilted map, the network's answer."""
    entry = fields.make(config, 10_000_019)
    image = torch.from_numpy(entry["widefield"][0].astype(np.float32))
    side = min(128, config.data.field // network.step * network.step)
    raw = observe.photograph(config, image, 1000, torch.Generator().manual_seed(config.seed))[:side, :side].contiguous()
    dpm = (torch.linspace(-TEST_DISTANCE, TEST_DISTANCE, side) / UNIT).expand(side, side).contiguous()[None, None]
    with torch.no_grad():
        made = network(normalisation.normalise(raw, config.normalisation.percentiles)[0][None, None], dpm)
    return {"test-raw.npy": raw[None, None], "test-dpm.npy": dpm, "test-refocused.npy": made}


def guard(config, folder):
    """What training inputs look like to the camera (statistics.py): the same features as for the other packages."""
    rng, generator = np.random.default_rng((config.seed, 10)), torch.Generator().manual_seed(config.seed + 99)
    plain, blurred, entries = [], [], pool.Pool(folder)
    settings = dataclasses.replace(config.camera, hot_pixels=0.0)
    known = pool.counted(folder, config.data.fields) if config.data.field >= statistics.TILE else 0
    for index in range(min(TILES, known)):
        for _ in range(PHOTOGRAPHS):
            low = entries[index]["widefield"][int(rng.integers(int(entries[index]["inputs"])))].astype(np.float32)
            sigma = np.exp(rng.uniform(*np.log(BLUR_UM))) / config.optics.pixel
            for found, picture in ((plain, low), (blurred, ndimage.gaussian_filter(low, sigma))):
                image, _ = batches.photograph(torch.from_numpy(picture), torch.zeros(()), settings, generator)
                found.append(statistics.features(image[: statistics.TILE, : statistics.TILE].numpy()))
    return statistics.kept({config.optics.pixel: (plain, blurred)})


def run(config, work, pool_folder, out, report=print):
    """Write the package into `out`. What was there is replaced file by file, the description last."""
    network, state, _, variant = variants.load(config, work)
    out = Path(out)
    put(out / "model.onnx", lambda part: to_onnx(network, part))
    for name, tensor in test_tensors(config, network).items():
        put(out / name, lambda part, tensor=tensor: save_array(part, tensor))
    put(out / "statistics.json", lambda part: Path(part).write_text(json.dumps(guard(config, pool_folder), ensure_ascii=False) + "\n", encoding="utf-8"))
    put_description(out, describe(config, state, network, out, variant))
    report(f"Wrote {out.name}: {sum(p.numel() for p in network.parameters())} parameters, step {state['step']}.")


def space(config, sizes, halo=None):
    """The y and x axes of a tensor."""
    base = {"type": "space", "unit": "micrometer", "scale": config.optics.pixel}
    return [{**base, "id": a, "size": size, **({"halo": halo} if halo else {})} for a, size in zip("yx", sizes)]


def describe(config, state, network, out, variant):
    """The rdf.yaml as a dictionary."""
    confocal = config.data.target == "confocal"
    wanted = "confocal image" if confocal else "image"
    free = [{"min": 4 * network.step, "step": network.step}] * 2
    linked = [{"tensor_id": "raw", "axis_id": a} for a in "yx"]
    low, high = config.normalisation.percentiles

    def tensor(name):
        return {"source": name, "sha256": sha256(out / name)}

    def channels(*names):
        return [{"type": "batch"}, {"type": "channel", "channel_names": list(names)}]

    number = {"type": "float32", "unit": "arbitrary unit"}
    return {
        **head(
            config,
            "Virtual refocusing, widefield to confocal 20x0.75" if confocal else "Virtual refocusing, widefield 20x0.75",
            f"Turns one 20x/{config.optics.na} widefield image ({config.optics.pixel} µm pixels) and a map of distances (DPM) into the {wanted} at that "
            f"surface, anywhere within ±{config.data.reach:g} µm of the focus, with the expected error of every pixel. For research: the method is patented.",
            CITE,
            ["refocusing", "restoration", "fluorescence-light-microscopy", "widefield", "unet", "2d", "3d"],
        ),
        "inputs": [
            {
                "id": "raw",
                "description": f"One channel at {config.optics.pixel} µm pixels. One normalisation for the whole image.",
                "axes": channels("intensity") + space(config, free),
                "data": number,
                "test_tensor": tensor("test-raw.npy"),
                "preprocessing": [
                    {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
                    {"id": "scale_range", "kwargs": {"axes": ["y", "x"], "min_percentile": low, "max_percentile": high, "eps": normalisation.EPSILON}},
                ],
            },
            {
                "id": "dpm",
                "description": f"Distance of the wanted surface from the plane in focus, in µm of the sample divided by {UNIT:g}; positive away from the objective.",
                "axes": channels("distance") + space(config, linked),
                "data": {"type": "float32", "unit": "arbitrary unit"},
                "test_tensor": tensor("test-dpm.npy"),
            },
        ],
        "outputs": [
            {
                "id": "refocused",
                "description": "image: the image at the surface, in units of the normalised input. scale: scale b of the Laplace distribution of its error, same units.",
                "axes": channels("image", "scale") + space(config, linked, network.reach()),
                "data": number,
                "test_tensor": tensor("test-refocused.npy"),
            }
        ],
        "weights": {"onnx": {"source": "model.onnx", "sha256": sha256(out / "model.onnx"), "opset_version": OPSET}},
        "config": {
            "bioimageio": {"reproducibility_tolerance": [{"relative_tolerance": 1e-3, "absolute_tolerance": 1e-3}]},
            "deepscope": own(config, state, network, out, variant),
        },
    }


def own(config, state, network, out, variant):
    """What only this application reads: ranges, conventions, training."""
    optics, camera, data = config.optics, config.camera, config.data
    confocal = {"excitation_over_emission": optics.excitation, "pinhole_airy_units": optics.pinhole, "reach_um": CONFOCAL_REACH}
    return {
        "task": "refocus",
        "modality": "widefield",
        "target_modality": data.target,
        "pixel_size_um": optics.pixel,
        "source_pixel_size_um": optics.pixel,
        "numerical_aperture": {"input": optics.na, "target": optics.na},
        "immersion": "air",
        "sample_index": optics.index,
        "wavelengths_um": list(optics.wavelengths),
        "spherical_aberration_waves_rms": list(optics.spherical),
        **({"confocal": confocal} if data.target == "confocal" else {}),
        "distance": {
            "input": "dpm",
            "unit_um": UNIT,
            "range_um": [-data.reach, data.reach],
            "positive": "away-from-objective",
            **({"shared": True} if config.network.dpm == "late" else {}),  # one picture may go in with several maps
            "focus_um_per_stage_um": round(focus_travel(optics.na, optics.index), 3),
        },
        "specimen_half_depth_um": [0.0, data.depth],
        "photons": list(camera.photons),
        "background_of_peak": list(camera.background),
        "structures": list(data.families),
        "intensity": {
            "inverse": "inverse-of-input-normalisation",
            "image": "scale-and-offset",
            "scale": "scale-only",
            "tolerated_scale_error": config.normalisation.jitter,
        },
        "outputs": ["image", "scale"],
        "error_distribution": "laplace",
        "tile": {"halo": network.reach(), "multiple_of": network.step, "border": "mirror"},
        "training": {
            "steps": state["step"],
            "minutes": round(state["elapsed"] / 60, 1),
            "seed": state["config"]["seed"],
            "variant": variant,
            **({"initial": state["initial"]} if state.get("initial") else {}),
        },
        "bits": bits(state),
        "patent": PATENT,
        "guard": {"statistics": {"source": "statistics.json", "sha256": sha256(out / "statistics.json")}},
    }
