"""Package a trained network: model.onnx, test tensors and a BioImage.IO 0.5 description."""

import json
from pathlib import Path

import torch

from .. import normalisation, pool, real, statistics
from ..package import OPSET, bits, head, put, put_description, read_description, save_array, sha256, write_graph
from ..resample import NAME as RESAMPLING
from . import batches, checks, simulate, teach, variants

RESAMPLE_FORMULA = (
    "Pixels are areas and both grids share their corners: output pixel i lies at input coordinate u = (i + 0.5)*r - 0.5 with r = output "
    "pixel / input pixel; k = floor(u), t = u - k; value = sum over j = -1, 0, 1, 2 of w_j * x[clamp(k + j)], rows and columns "
    "separately, w_-1 = -t^3/2 + t^2 - t/2, w_0 = 3t^3/2 - 5t^2/2 + 1, w_1 = -3t^3/2 + 2t^2 + t/2, w_2 = t^3/2 - t^2/2 (Catmull-Rom, "
    "a = -1/2); beyond the edge the edge's pixel is repeated. r = 1 changes nothing."
)

CITE = {
    "text": "Wang, H. et al. Deep learning enables cross-modality super-resolution in fluorescence microscopy. Nat. Methods 16, 103-110 (2019). The task and the kind of network; these weights were trained independently.",
    "doi": "10.1038/s41592-018-0239-0",
}


def to_onnx(network, path):
    """Export with free batch, height and width, and names that the description uses."""
    free = {0: "batch", 2: "y", 3: "x"}
    write_graph(network, torch.zeros(1, 1, 128, 128), path, input_names=["raw"], output_names=["restored"], dynamic_axes={"raw": free, "restored": free})


def test_tensors(config, network):
    """{file name: tensor (1, C, Y, X)}: a photograph at 500 photons of a field that no training saw, as the camera's grey values on the network's grid, and the network's answer."""
    made = simulate.make(config, 10_000_019, real.load(()))
    generator = torch.Generator().manual_seed(config.seed)
    low, high = torch.from_numpy(made["low"]), torch.from_numpy(made["high"]).float()
    ratio = 1 if made["native"] else 1 / config.optics.factor
    image, _ = batches.photograph(low, high, ratio, config.camera, generator, photons=500, background=0.1)
    raw = image[:128, :128].contiguous()
    with torch.no_grad():
        restored = network(normalisation.normalise(raw, config.normalisation.percentiles)[0][None, None])
    return {"test-input.npy": raw[None, None], "test-output.npy": restored}


def run(config, work, pool_folder, out, report=print):
    """Write the package into `out`. What was there is replaced file by file, the description last."""
    network, state, _, shipped = variants.load(config, work)
    out = Path(out)
    put(out / "model.onnx", lambda part: to_onnx(network, part))
    for name, tensor in test_tensors(config, network).items():
        put(out / name, lambda part, tensor=tensor: save_array(part, tensor))
    found = statistics.collect(config, pool_folder, pool.counted(pool_folder, config.data.fields))
    put(out / "statistics.json", lambda part: Path(part).write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8"))
    put_description(out, describe(config, state, network, out, checks.flux(config, network), shipped))
    report(f"Wrote {out.name}: {sum(p.numel() for p in network.parameters())} parameters, step {state['step']}.")


def told(flux):
    """The rows of `checks.flux` as a description tells them."""
    return [{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in flux]


def lenses(config, blur):
    """What either microscope of the training is, and within what depth light decays that is totally reflected; blur: the Gaussians by which the input's light was spread further than theory says,
    their least and largest standard deviation, µm (`blur_um`)."""
    shown = {}
    for which in ("input", "target"):
        lens = getattr(config.optics, which)
        scanned = {"spot_um": lens.spot, "pinhole_airy_units": lens.pinhole, "excitation_over_emission": lens.stokes}
        depleted = {"depleted_spot_um": lens.fwhm, "residual": lens.residual}
        shown[which] = {"modality": lens.modality, "na": lens.na, "pixel_um": lens.pixel}
        shown[which] |= {"confocal": scanned, "sted": {**scanned, **depleted}}.get(lens.modality, {})
    if blur[1] > 0:
        shown["input"]["blur_um"] = list(blur)
    return {**shown, **({"evanescent_decay_um": list(config.data.penetration)} if config.data.penetration else {})}


def learned(state):
    """What specimens the network of a checkpoint learned from, of what a configuration may have changed since: how far off focus, apart in focus, and spread further than theory says."""
    return {key: state["config"]["data"].get(key, [0.0, 0.0]) for key in ("off_focus", "slip", "blur")}


def tell(out, config, blur, flux):
    """Let the package in `out`, whose checkpoint nobody has any more, tell its lenses and the flux slopes that were measured anew: the application reads these in its description."""
    description = read_description(out)
    own = description["config"]["deepscope"]
    own["optics"], own["intensity"]["flux"] = lenses(config, blur), told(flux)
    put_description(out, description)


def axes(config, network, output):
    """The four axes of input or output in BioImage.IO's words."""
    space = {"type": "space", "unit": "micrometer", "scale": config.optics.target.pixel}
    if output:
        sizes = [{"size": {"tensor_id": "raw", "axis_id": a}, "halo": network.reach()} for a in "yx"]
    else:
        sizes = [{"size": {"min": 8 * network.step, "step": network.step}} for _ in "yx"]
    names = ["image", "scale"] if output else ["intensity"]
    return [{"type": "batch"}, {"type": "channel", "channel_names": names}] + [
        {**space, "id": a, **size} for a, size in zip("yx", sizes)
    ]


def describe(config, state, network, out, flux, shipped):
    """The rdf.yaml as a dictionary; `flux` as `checks.flux` gives it, `shipped` the name of the variant."""
    words = config.words
    optics, camera, percentiles = config.optics, config.camera, config.normalisation.percentiles
    kwargs = {"axes": ["y", "x"], "min_percentile": percentiles[0], "max_percentile": percentiles[1], "eps": normalisation.EPSILON}
    tensors = {name: {"source": name, "sha256": sha256(out / name)} for name in ("test-input.npy", "test-output.npy")}
    return {
        **head(
            config,
            words.title,
            f"{words.input} into {words.target}, without noise, with the expected error of every pixel.",
            CITE,
            ["super-resolution", "restoration", "fluorescence-light-microscopy", *words.tags, "unet", "2d"],
        ),
        "inputs": [
            {
                "id": "raw",
                "description": f"One channel, already brought to {optics.target.pixel} µm pixels (config.deepscope.resample). One normalisation for the whole image.",
                "axes": axes(config, network, output=False),
                "data": {"type": "float32", "unit": "arbitrary unit"},
                "test_tensor": tensors["test-input.npy"],
                "preprocessing": [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}, {"id": "scale_range", "kwargs": kwargs}],
            }
        ],
        "outputs": [
            {
                "id": "restored",
                "description": "image: the restored image in units of the normalised input. scale: scale b of the Laplace distribution of its error, same units.",
                "axes": axes(config, network, output=True),
                "data": {"type": "float32", "unit": "arbitrary unit"},
                "test_tensor": tensors["test-output.npy"],
            }
        ],
        "weights": {"onnx": {"source": "model.onnx", "sha256": sha256(out / "model.onnx"), "opset_version": OPSET}},
        "config": {
            "bioimageio": {"reproducibility_tolerance": [{"relative_tolerance": 1e-3, "absolute_tolerance": 1e-3}]},
            "deepscope": {
                "task": "super-resolution",
                "modality": optics.input.modality,
                "target_modality": optics.target.modality,
                "pixel_size_um": optics.target.pixel,
                "source_pixel_size_um": optics.input.pixel,
                "numerical_aperture": {"input": optics.input.na, "target": optics.target.na, **({"on_grid": list(optics.native_na)} if optics.native_na else {})},
                "optics": lenses(config, learned(state)["blur"]),
                "immersion": words.sample,
                "sample_index": optics.index,
                "wavelengths_um": list(optics.wavelengths),
                "spherical_aberration_waves_rms": list(optics.spherical),
                "specimen_half_depth_um": list(config.data.depth),
                "photons": list(camera.photons),
                "background_of_peak": list(camera.background),
                "structures": [n for n in config.data.families if n != "real"],
                "real_structures": [f"{n.split('/')[-1]} ({licence})" for n, licence in real.TRAINING.items()],
                "resample": {"kernel": RESAMPLING, "a": -0.5, "alignment": "corners", "border": "replicate", "formula": RESAMPLE_FORMULA},
                "intensity": {
                    "inverse": "inverse-of-input-normalisation",
                    "image": "scale-and-offset",
                    "scale": "scale-only",
                    "tolerated_scale_error": config.normalisation.jitter,
                    "flux": told(flux),
                },
                "outputs": ["image", "scale"],
                "error_distribution": "laplace",
                "tile": {"halo": network.reach(), "multiple_of": network.step, "border": "mirror"},
                "training": {"variant": shipped, "steps": state["step"], "minutes": round(state["elapsed"] / 60, 1), "seed": state["config"]["seed"]},
                "bits": bits(state),
                "guard": {
                    "statistics": {"source": "statistics.json", "sha256": sha256(out / "statistics.json")},
                    **({"lookout": teach.named(out)} if (out / "lookout.json").exists() else {}),
                },
            },
        },
    }
