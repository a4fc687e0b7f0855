"""Makes the packages in packages/, with PyTorch 1.13 and numpy 1.24 (Debian's): `/usr/bin/python3 make_packages.py`.

Each is a whole BioImage.IO package whose test tensors are computed here: preprocessing and postprocessing by numpy from the formulas of
the specification, the network by PyTorch. Together they use what the package of the application does not.

volume       0.4, axes bzyxc: channels last, z, sizes by steps, statistics per sample, halo, sigmoid
two-inputs   0.5, two inputs and two outputs, percentiles and mean of another tensor, softmax, a test file in Fortran order
twice        0.5, an output of twice the size with a halo, lists along the channels, no batch axis
valid        0.5, an output that is smaller by what its convolutions cut off; bytes go in, truth values come out
half         0.5, an output of half the size, weights in a file of their own
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import nn

here = Path(__file__).parent / "packages"
shutil.rmtree(here, ignore_errors=True)
torch.manual_seed(3)
rng = np.random.default_rng(3)


class Wrapped(nn.Module):
    def __init__(self, function, **parts):
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.function = function

    def forward(self, *inputs):
        return self.function(self.parts, *inputs)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(name, network, examples, input_names, output_names, dynamic, test_inputs, test_outputs, describe):
    folder = here / name
    folder.mkdir(parents=True)
    onnx = folder / "network.onnx"
    torch.onnx.export(network.eval(), examples, onnx, opset_version=17, input_names=input_names, output_names=output_names, dynamic_axes=dynamic)
    tensors = {}
    for kind, arrays in (("input", test_inputs), ("output", test_outputs)):
        for i, array in enumerate(arrays):
            file = folder / f"test-{kind}-{i}.npy"
            np.save(file, array)
            tensors[f"{kind}{i}"] = {"source": file.name, "sha256": sha256(file)}
    description = describe(folder, tensors)
    head = {"type": "model", "name": f"Case {name}", "description": "For tests.", "license": "MIT", "authors": [{"name": "Deepscope developers"}]}
    # JSON is YAML.
    (folder / "rdf.yaml").write_text(json.dumps(head | description, indent=1) + "\n")


def onnx_weights(folder, **more):
    return {"onnx": {"source": "network.onnx", "sha256": sha256(folder / "network.onnx"), "opset_version": 17} | more}


def run(network, *arrays):
    with torch.no_grad():
        result = network.eval()(*[torch.from_numpy(np.ascontiguousarray(a)) for a in arrays])
    return [r.numpy() for r in result] if isinstance(result, tuple) else result.numpy()


# volume ---------------------------------------------------------------------------------------------------------------------------
volume = Wrapped(
    lambda p, x: p["b"](torch.relu(p["a"](x.permute(0, 4, 1, 2, 3)))).permute(0, 2, 3, 4, 1),
    a=nn.Conv3d(2, 4, 3, padding=1),
    b=nn.Conv3d(4, 3, 3, padding=1),
)
x = rng.gamma(2, 50, (1, 5, 16, 12, 2)).astype(np.float32)
n = (x - x.mean((1, 2, 3), keepdims=True)) / (x.std((1, 2, 3), keepdims=True) + 1e-6)
y = 1 / (1 + np.exp(-run(volume, n.clip(-2, 2).astype(np.float32))))
free = {1: "z", 2: "y", 3: "x"}
write(
    "volume", volume, (torch.zeros(1, 4, 8, 8, 2),), ["stack"], ["labels"], {"stack": free, "labels": free}, [x], [y.astype(np.float32)],
    lambda folder, tensors: {
        "format_version": "0.4.10",
        "inputs": [
            {
                "name": "stack", "axes": "bzyxc", "data_type": "float32", "data_range": [0, 65535],
                "shape": {"min": [1, 2, 8, 8, 2], "step": [0, 1, 4, 4, 0]},
                "preprocessing": [
                    {"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_sample", "axes": "zyx"}},
                    {"name": "clip", "kwargs": {"min": -2, "max": 2}},
                ],
            }
        ],
        "outputs": [
            {
                "name": "labels", "axes": "bzyxc", "data_type": "float32", "halo": [0, 2, 2, 2, 0],
                "shape": {"reference_tensor": "stack", "scale": [1, 1, 1, 1, 0], "offset": [0, 0, 0, 0, 1.5]},
                "postprocessing": [{"name": "sigmoid"}],
            }
        ],
        "test_inputs": [tensors["input0"]["source"]],
        "test_outputs": [tensors["output0"]["source"]],
        "weights": onnx_weights(folder),
    },
)  # fmt: skip


def axes(channels, size, batch=True, **more):
    names = [f"c{i}" for i in range(channels)]
    space = [{"type": "space", "id": i, "size": size(i)} | more for i in "yx"]
    return ([{"type": "batch"}] if batch else []) + [{"type": "channel", "channel_names": names}] + space


def steps(_):
    return {"min": 16, "step": 4}


def as_in(tensor, offset=0):
    return lambda i: {"tensor_id": tensor, "axis_id": i, "offset": offset}


# two inputs -----------------------------------------------------------------------------------------------------------------------
two = Wrapped(
    lambda p, a, b: (p["m"](torch.cat([a, b], 1)), p["s"](torch.cat([a, b], 1))),
    m=nn.Conv2d(3, 2, 3, padding=1),
    s=nn.Conv2d(3, 1, 3, padding=1),
)
a = rng.gamma(3, 100, (1, 1, 24, 20)).astype(np.float32)
b = rng.gamma(3, 60, (1, 2, 24, 20)).astype(np.float32)
low, high = np.percentile(a, [5, 95])
b1 = ((b - low) / (high - low + 1e-6)).astype(np.float32)
a1 = ((a - a.min()) / (a.max() - a.min() + 1e-6)).astype(np.float32)
mask, shade = run(two, a1, b1)
mask = np.exp(mask - mask.max(1, keepdims=True))
mask /= mask.sum(1, keepdims=True)
shade = (shade - shade.mean()) / (shade.std() + 1e-6) * (a.std() + 1e-6) + a.mean()
free = {2: "y", 3: "x"}
write(
    "two-inputs", two, (torch.zeros(1, 1, 16, 16), torch.zeros(1, 2, 16, 16)), ["first", "second"], ["mask", "shade"],
    {k: free for k in ("first", "second", "mask", "shade")}, [a, np.asfortranarray(b)], [mask, shade.astype(np.float64)],
    lambda folder, tensors: {
        "format_version": "0.5.4",
        "inputs": [
            {"id": "first", "axes": axes(1, steps), "test_tensor": tensors["input0"], "preprocessing": [{"id": "scale_range"}]},
            {
                "id": "second", "axes": axes(2, as_in("first")), "test_tensor": tensors["input1"],
                "preprocessing": [
                    {"id": "scale_range", "kwargs": {"min_percentile": 5, "max_percentile": 95, "reference_tensor": "first"}},
                ],
            },
        ],
        "outputs": [
            {"id": "mask", "axes": axes(2, as_in("first"), halo=1), "test_tensor": tensors["output0"], "postprocessing": [{"id": "softmax"}]},
            {
                "id": "shade", "axes": axes(1, as_in("first"), halo=1), "test_tensor": tensors["output1"],
                "postprocessing": [{"id": "scale_mean_variance", "kwargs": {"reference_tensor": "first"}}],
            },
        ],
        "weights": onnx_weights(folder),
    },
)  # fmt: skip

# twice ----------------------------------------------------------------------------------------------------------------------------
twice = Wrapped(lambda p, x: p["u"](torch.relu(p["a"](x[None])))[0], a=nn.Conv2d(2, 4, 3, padding=1), u=nn.ConvTranspose2d(4, 2, 2, stride=2))
x = rng.gamma(2, 100, (2, 20, 28)).astype(np.float32)
n = (x - np.array([100, 200]).reshape(2, 1, 1)) / np.array([50, 70]).reshape(2, 1, 1)
y = run(twice, n.astype(np.float32)) * np.array([2, 3]).reshape(2, 1, 1) + np.array([1, -1]).reshape(2, 1, 1)
free = {1: "y", 2: "x"}
write(
    "twice", twice, (torch.zeros(2, 16, 16),), ["image"], ["fine"], {"image": free, "fine": {1: "y2", 2: "x2"}}, [x], [y.astype(np.float32)],
    lambda folder, tensors: {
        "format_version": "0.5.4",
        "inputs": [
            {
                "id": "image", "axes": axes(2, steps, False, unit="micrometer", scale=0.4), "test_tensor": tensors["input0"],
                "preprocessing": [{"id": "fixed_zero_mean_unit_variance", "kwargs": {"axis": "channel", "mean": [100, 200], "std": [50, 70]}}],
            }
        ],
        "outputs": [
            {
                "id": "fine", "axes": axes(2, as_in("image"), False, unit="micrometer", scale=0.2, halo=4), "test_tensor": tensors["output0"],
                "postprocessing": [{"id": "scale_linear", "kwargs": {"axis": "channel", "gain": [2, 3], "offset": [1, -1]}}],
            }
        ],
        "weights": onnx_weights(folder),
    },
)  # fmt: skip

# valid ----------------------------------------------------------------------------------------------------------------------------
valid = Wrapped(lambda p, x: p["b"](torch.relu(p["a"](x.float() / 255))), a=nn.Conv2d(1, 3, 5), b=nn.Conv2d(3, 2, 5))
x = rng.integers(0, 4000, (1, 1, 32, 28)).astype(np.uint16)
low, high = np.percentile(x, [2, 98], method="inverted_cdf")
n = (x.astype(np.float64).clip(low, high) * 0.06).astype(np.uint8)
y = run(valid, n) > np.array([0.0, 0.1]).reshape(1, 2, 1, 1)
free = {2: "y", 3: "x"}
write(
    "valid", valid, (torch.zeros(1, 1, 32, 32, dtype=torch.uint8),), ["counts"], ["spots"], {"counts": free, "spots": {2: "y1", 3: "x1"}}, [x], [y],
    lambda folder, tensors: {
        "format_version": "0.5.4",
        "inputs": [
            {
                "id": "counts", "axes": axes(1, steps), "data": {"type": "uint16"}, "test_tensor": tensors["input0"],
                "preprocessing": [
                    {"id": "clip", "kwargs": {"min_percentile": 2, "max_percentile": 98}},
                    {"id": "scale_linear", "kwargs": {"gain": 0.06}},
                    {"id": "ensure_dtype", "kwargs": {"dtype": "uint8"}},
                ],
            }
        ],
        "outputs": [
            {
                "id": "spots", "axes": axes(2, as_in("counts", -8)), "data": {"type": "bool", "values": [False, True]},
                "test_tensor": tensors["output0"],
                "postprocessing": [{"id": "binarize", "kwargs": {"axis": "channel", "threshold": [0.0, 0.1]}}],
            }
        ],
        "weights": onnx_weights(folder),
    },
)  # fmt: skip

# half -----------------------------------------------------------------------------------------------------------------------------
half = Wrapped(lambda p, x: p["a"](x), a=nn.Conv2d(1, 2, 4, stride=2, padding=1))
x = rng.normal(0, 1, (1, 1, 24, 32)).astype(np.float32)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def fields(data):
    """Fields of a protocol buffer: (number, wire type, value), as its encoding is described at protobuf.dev."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            yield key >> 3, 0, number()
        elif key & 7 == 2:
            length = number()
            yield key >> 3, 2, data[at : at + length]
            at += length
        else:
            width = {1: 8, 5: 4}[key & 7]
            yield key >> 3, key & 7, data[at : at + width]
            at += width


def field(number, wire, value):
    if wire == 0:
        return varint(number << 3) + varint(value)
    return varint(number << 3 | wire) + (varint(len(value)) if wire == 2 else b"") + value


def externalise(onnx, beside):
    """Moves the initial values of a network (ModelProto.graph = 7, GraphProto.initializer = 5, TensorProto.raw_data = 9) into a file beside
    it (external_data = 13, data_location = 14), as onnx.proto describes it."""
    store = b""
    model = b""
    for number, wire, value in fields(onnx.read_bytes()):
        if number == 7:
            graph = b""
            for n, w, v in fields(value):
                if n == 5:
                    raw = next(x for i, _, x in fields(v) if i == 9)
                    kept = b"".join(field(*f) for f in fields(v) if f[0] != 9)
                    entries = {"location": beside.name, "offset": str(len(store)), "length": str(len(raw))}
                    for key, text in entries.items():
                        kept += field(13, 2, field(1, 2, key.encode()) + field(2, 2, text.encode()))
                    v = kept + field(14, 0, 1)
                    store += raw
                graph += field(n, w, v)
            value = graph
        model += field(number, wire, value)
    onnx.write_bytes(model)
    beside.write_bytes(store)


def describe_half(folder, tensors):
    beside = folder / "network.data"
    externalise(folder / "network.onnx", beside)
    return {
        "format_version": "0.5.4",
        "inputs": [{"id": "image", "axes": axes(1, steps), "test_tensor": tensors["input0"]}],
        "outputs": [
            {"id": "coarse", "axes": axes(2, as_in("image"), scale=2.0, halo=1), "test_tensor": tensors["output0"]},
        ],
        "weights": onnx_weights(folder, external_data={"source": beside.name, "sha256": sha256(beside)}),
        "config": {"bioimageio": {"reproducibility_tolerance": [{"absolute_tolerance": 1e-4, "relative_tolerance": 1e-4}]}},
    }


write(
    "half", half, (torch.zeros(1, 1, 16, 16),), ["image"], ["coarse"], {"image": {2: "y", 3: "x"}, "coarse": {2: "y2", 3: "x2"}}, [x], [run(half, x)],
    describe_half,
)  # fmt: skip
