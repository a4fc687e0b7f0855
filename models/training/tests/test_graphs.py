"""The graphs of the packages: operators that every processor has, and nothing that does nothing."""

import json
import tempfile
import unittest
from pathlib import Path

import onnx
import torch

from deepscope_training import package

ROOT = Path(__file__).resolve().parents[3]
PROCESSORS = ("webgpu", "directml", "coreml")


def constants(graph):
    made = {node.output[0] for node in graph.node if node.op_type == "Constant"}
    return made | {tensor.name for tensor in graph.initializer}


class Shipped(unittest.TestCase):
    def test_every_processor_has_every_operator(self):
        """As ONNX Runtime's own lists say; a part that one lacks would go back and forth between it and the CPU."""
        known = json.loads((ROOT / "test" / "cases" / "onnx-operators.json").read_text(encoding="utf-8"))
        paths = sorted((ROOT / "models").glob("*/model.onnx"))
        self.assertGreaterEqual(len(paths), 7)
        for path in paths:
            graph = onnx.load(str(path)).graph
            used = {node.op_type for node in graph.node} - {"Constant"}
            for processor in PROCESSORS:
                self.assertEqual(used - set(known[processor]), set(), f"{path.parent.name}: {processor} lacks these")
            for node in graph.node:
                if node.op_type == "Slice":
                    self.assertLessEqual(set(node.input[1:]), constants(graph), f"{path.parent.name}: CoreML cuts between fixed bounds only")


class Plumbing(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (2, 2, 0, 0)), 2)


class Writing(unittest.TestCase):
    def test_a_padding_by_nothing_is_left_out_and_one_by_something_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            package.write_graph(Plumbing().eval(), torch.zeros(1, 1, 8, 8), str(path), input_names=["raw"], output_names=["made"], dynamic_axes={"raw": {2: "y", 3: "x"}})
            graph = onnx.load(str(path)).graph
        kinds = [node.op_type for node in graph.node]
        self.assertEqual((kinds.count("Pad"), kinds.count("AveragePool")), (1, 1))
        [made] = [node for node in graph.node if node.op_type == "AveragePool"]
        [pad] = [node for node in graph.node if node.op_type == "Pad"]
        self.assertEqual((made.input[0], pad.input[0]), (pad.output[0], "raw"))


if __name__ == "__main__":
    unittest.main()
