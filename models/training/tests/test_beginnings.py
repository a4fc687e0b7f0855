"""What a training begins with, and what is made of its end: weights of a package or a run, their mean, a second head taught anew."""

import dataclasses
import importlib.util
import re
import unittest
from unittest import mock

import numpy as np
import torch

from deepscope_training import average, config as configuration, initial, judge, kinds, markdown, package, states, train, widen
from deepscope_training.errors import TrainingError
from deepscope_training.normalisation import normalise

from . import small, small_refocus


@unittest.skipUnless(importlib.util.find_spec("onnx"), "python3-onnx is not installed")
class Beginnings(unittest.TestCase):
    """A new training begins with weights that exist already."""

    def build(self, name):
        config = configuration.load(name)
        return kinds.of(config).build(config)

    def test_a_shipped_package_gives_its_weights(self):
        """The network that begins with them answers what the package's own test tensors say."""
        folder = configuration.PACKAGES / "widefield-sr"
        network = self.build("widefield-sr")
        origin = initial.weights(folder, network)
        self.assertEqual(origin["package"], "widefield-sr")
        self.assertGreater(origin["step"], 0)
        raw, wanted = (torch.from_numpy(np.load(folder / f"test-{name}.npy")) for name in ("input", "output"))
        with torch.no_grad():
            given = network(normalise(raw[0, 0], configuration.load("widefield-sr").normalisation.percentiles)[0][None, None])
        torch.testing.assert_close(given, wanted, rtol=1e-3, atol=1e-3)

    def test_a_run_is_averaged_with_what_it_began_with(self):
        """Every weight lies halfway, the run itself is left as it is, and the card names both."""
        folder, config = small.scratch(self), configuration.load("widefield-sr")
        network = self.build("widefield-sr")
        states.save(folder / "checkpoint.pt", {"format": 1, "config": configuration.as_dict(config), "network": network.state_dict(), "step": 7, "elapsed": 60.0, "optimiser": {}, "judged": 100, "widened": {"slope": 1.1, "offset": 0.2}})
        shipped = self.build("widefield-sr")
        origin = initial.weights(configuration.PACKAGES / "widefield-sr", shipped)
        averaged = average.run(config, folder, configuration.PACKAGES / "widefield-sr", small.silent)
        halfway, state = package.load_network(config, averaged)
        for name, value in halfway.state_dict().items():
            torch.testing.assert_close(value, (network.state_dict()[name] + shipped.state_dict()[name]) / 2)
        torch.testing.assert_close(states.load(folder / "checkpoint.pt", "checkpoint", ())["network"]["stem.weight"], network.state_dict()["stem.weight"])
        self.assertEqual((state["averaged"], state["judged"], state["widened"]), (origin, None, None), "the mean of two second heads learned from nothing")
        self.assertIn(f"averaged with those of widefield-sr (step {origin['step']:,})", markdown.began({"initial": None, **state}))

    @mock.patch.object(widen, "fit", lambda config, network: ({"slope": 1.25, "offset": -0.5}, "A line was found."))
    def test_the_second_head_learns_anew_and_the_picture_stays(self):
        """A head spoiled on purpose expects the right errors again, of both variants; nothing else has changed, the run itself is left as it is, and the card says how long it took and in what."""
        folder, config = small.scratch(self), small.config()
        network = train.run(config, folder, folder / "pool", steps=2, grow=False, report=small.silent)
        with torch.no_grad():
            network.scale.bias.add_(5)
        state = states.load(folder / "checkpoint.pt", "checkpoint", ())
        for variant in (folder, folder / "adversarial"):
            states.save(variant / "checkpoint.pt", {**state, "network": network.state_dict()})
        said = []
        quick = dataclasses.replace(config, training=dataclasses.replace(config.training, rate=0.1))
        into = judge.run(quick, folder, folder / "pool", 200, "bfloat16", report=said.append)
        for line in said:
            before, after = (float(v) for v in re.search(r"(-?[\d.]+) before, (-?[\d.]+) after", line).groups())
            self.assertLess(after, before / 2)
            self.assertIn("A line was found.", line)
        self.assertEqual([line.split()[5] for line in said], ["plain", "adversarial"])
        for variant in (into, into / "adversarial"):
            judged, state = package.load_network(config, variant)
            for name, value in network.state_dict().items():
                self.assertEqual(torch.equal(value, judged.state_dict()[name]), not name.startswith("scale"), name)
            self.assertIn(f"second head then taught anew for 200 steps, its expected errors then fitted to whole pictures (the second head's last layer times 1.250, -0.500)", markdown.began({"initial": None, **state}))
        self.assertEqual(package.load_network(config, folder)[0].scale.bias, network.scale.bias)

    def test_the_head_of_a_refocusing_network_is_called_alike(self):
        config = small_refocus.config()
        network = kinds.of(config).build(config)
        self.assertEqual({name.split(".")[0] for name, value in network.named_parameters() if any(value is one for one in judge.head(network))}, {"scale_hidden", "scale"})
        self.assertGreater(config.training.scale, 0)

    def test_a_network_without_a_second_head_has_none_to_teach(self):
        with self.assertRaisesRegex(TrainingError, "kind localization have no second head"):
            judge.run(configuration.load("localization"), small.scratch(self), "pool", 1, report=small.silent)
        with self.assertRaisesRegex(TrainingError, "localization have no second head"):
            widen.run(configuration.load("localization"), small.scratch(self), report=small.silent)

    def test_a_package_whose_export_folds_weights_is_refused(self):
        with self.assertRaisesRegex(TrainingError, "has no weights named .*Begin with a checkpoint"):
            initial.weights(configuration.PACKAGES / "localization", self.build("localization"))

    def test_a_package_of_another_size_is_refused(self):
        with self.assertRaisesRegex(TrainingError, "do not fit this network|has no weights named"):
            initial.weights(configuration.PACKAGES / "widefield-sr", self.build("large/widefield-sr"))

    def test_without_onnx_nothing_is_read_or_written(self):
        folder = small.scratch(self)
        with mock.patch.dict("sys.modules", {"onnx": None}):
            with self.assertRaisesRegex(TrainingError, "onnx, which is not installed; on Debian: sudo apt install python3-onnx"):
                initial.weights(configuration.PACKAGES / "widefield-sr", self.build("widefield-sr"))
            with self.assertRaisesRegex(TrainingError, "python3-onnx"):
                package.write_graph(self.build("widefield-sr"), torch.zeros(1, 1, 8, 8), folder / "model.onnx")
        self.assertFalse((folder / "model.onnx").exists())

    def test_a_folder_that_is_no_package_is_refused(self):
        with self.assertRaisesRegex(TrainingError, "holds no model.onnx and metrics.json that can be read"):
            initial.weights(small.scratch(self), self.build("widefield-sr"))

    def test_no_checkpoint_to_begin_with(self):
        with self.assertRaisesRegex(TrainingError, "There is no checkpoint"):
            initial.weights(small.scratch(self) / "checkpoint.pt", self.build("widefield-sr"))
