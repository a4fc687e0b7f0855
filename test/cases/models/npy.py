"""Writes npy.json: arrays of every type that numpy.save writes and the reader knows, as base64, with their values. `/usr/bin/python3 npy.py`."""

import base64
import io
import json
from pathlib import Path

import numpy as np

cases = []


def case(name, array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    values = [float(v) for v in array.astype(np.float64).flatten()]
    cases.append({"name": name, "base64": base64.b64encode(file.getvalue()).decode(), "dims": list(array.shape), "values": values})


for kind in ["f2", "f4", "f8"]:
    case(f"{kind}, little-endian", np.array([[1.5, -2.25, 0, 6e-5], [1e-7, 65504, -0.333251953125, 3]], "<" + kind).astype("<" + kind))
    case(f"{kind}, big-endian", np.array([1.5, -2.25, 1024], ">" + kind))
for kind in ["u1", "u2", "u4", "i1", "i2", "i4", "i8", "u8"]:
    info = np.iinfo(kind)
    edge = [max(info.min, -(2**53)), 0, 1, min(info.max, 2**53)]
    case(f"{kind}, from least to most", np.array(edge, "<" + kind))
case("i2, big-endian", np.array([-2, 300], ">i2"))
case("bool", np.array([[True, False, True]]))
case("Fortran order", np.asfortranarray(np.arange(24, dtype="<f4").reshape(2, 3, 4)))
case("version 2 of the format", np.arange(3, dtype="<f4"), version=(2, 0))
case("version 3 of the format", np.arange(3, dtype="<f4"), version=(3, 0))
case("no dimension", np.array(7, "<f4"))
case("no element", np.zeros((0, 3), "<f4"))
refused = {}
for name, array in [
    ("complex numbers", np.array([1j])),
    ("text", np.array(["a"])),
    ("structures", np.array([(1, 2.0)], [("a", "i4"), ("b", "f4")])),
]:
    file = io.BytesIO()
    np.save(file, array)
    refused[name] = base64.b64encode(file.getvalue()).decode()
file = io.BytesIO()
np.save(file, np.array([{}], object), allow_pickle=True)
refused["Python objects"] = base64.b64encode(file.getvalue()).decode()
origin = "test/cases/models/npy.py: numpy"
(Path(__file__).parent / "npy.json").write_text(json.dumps({"origin": origin, "cases": cases, "refused": refused}))
