"""The whole evaluation of a tiny network: bars, tables and card agree, and a new timing leaves the rest alone."""

import dataclasses
import json
import unittest
from unittest import mock

import numpy as np
import torch

from deepscope_training import metrics, pool, results, superres, train
from deepscope_training.errors import TrainingError
from deepscope_training.superres import describe, fields, measure, rivals

from . import small


class Evaluation(unittest.TestCase):
    def test_metrics_and_card_say_the_same(self):
        folder = small.scratch(self)
        config = small.config_with(families=["rings", "meshes"], iterations=[1, 2])
        pool.fill(config, folder / "pool", report=small.silent)
        with self.assertRaisesRegex(TrainingError, "There is no checkpoint"):
            describe.run(config, folder / "work", folder / "pool", folder / "out", report=small.silent)
        never_apart = dataclasses.replace(config, seed=5, data=dataclasses.replace(config.data, slip=[0.0, 0.0]))
        train.run(never_apart, folder / "work", folder / "pool", steps=2, grow=False, report=small.silent)
        with self.assertRaisesRegex(TrainingError, "There is no pool in .*--pool"):
            describe.run(config, folder / "work", folder / "another", folder / "elsewhere", report=small.silent)
        describe.run(config, folder / "work", folder / "pool", folder / "out", report=small.silent)
        measure.run(config, folder / "work", folder / "out", report=small.silent)
        found = json.loads((folder / "out" / "metrics.json").read_text(encoding="utf-8"), parse_constant=self.fail)
        names = [bar["name"] for bar in found["bars"]]
        for wanted in ("gain-seen", "gain-heldout", "fwhm-ratio", "two-point", "false-energy", "spot-precision", "rare-flux", "coverage-error", "mib"):
            self.assertIn(wanted, names)
        card = (folder / "out" / "CARD.md").read_text(encoding="utf-8")
        first = card[: card.index("\n## ")]
        for bar in found["bars"]:
            value = bar["value"] if isinstance(bar["value"], str) else f"{bar['value']:g}"
            self.assertIn(f"`{bar['name']}` | {value} |", card)
            self.assertEqual(f"`{bar['name']}` is {value};" in first, not bar["holds"], bar["name"])
        self.assertEqual({row["specimen"] for row in found["tables"]["held_out"]}, {"rings", "meshes", "all"})
        self.assertIn("## Thin specimens off focus", card)
        self.assertIn("## The input focused apart", card)
        self.assertIn("the target in focus; none was so in this network's training", card)
        self.assertIn("steps in 0.", card)
        self.assertIn(", seed 5", card, "the seed that the checkpoint learned with")
        self.assertTrue((folder / "out" / "figure-heldout.png").stat().st_size > 1000)

        again = measure.retime(config, folder / "out", report=small.silent)
        self.assertEqual({**again["tables"], "time": 0}, {**found["tables"], "time": 0})
        self.assertEqual(results.read(folder / "out")["bars"], again["bars"])

        described = (folder / "out" / "rdf.yaml").read_text(encoding="utf-8")
        describe.tell_flux(folder / "out", [{"photons": 500, "slope": 3.0}])
        with mock.patch.object(results, "__version__", "99.0"):
            anew = measure.run(config, None, folder / "out", report=small.silent)
        self.assertEqual({**anew["tables"], "time": 0}, {**found["tables"], "time": 0}, "of the package alone, whose checkpoint is lost")
        self.assertEqual({**anew, "tables": 0, "bars": 0}, {**found, "tables": 0, "bars": 0}, "and it stays of its own version")
        self.assertEqual((folder / "out" / "rdf.yaml").read_text(encoding="utf-8"), described, "its description tells the flux slopes that were measured last, and all else as it did")

        older = {key: value for key, value in anew.items() if key != "learned"}
        (folder / "out" / "metrics.json").write_text(json.dumps({**older, "version": "0.1.0"}), encoding="utf-8")
        with self.assertRaisesRegex(TrainingError, "was exported as .* and last measured as 0.1.0"):
            measure.run(config, None, folder / "out", report=small.silent)
        (folder / "out" / "metrics.json").write_text(json.dumps(older), encoding="utf-8")
        state = results.of_run_or_package(config, None, folder / "out", None)[1]
        self.assertEqual(state["config"]["data"]["off_focus"], config.data.off_focus, "what an older package does not say is as in the configuration")

    def test_widening_finds_the_size_of_errors_again_and_leaves_the_picture_alone(self):
        """Of errors told e^0.4 times too small: a softplus is an exponential where its answer is small."""
        torch.manual_seed(3)
        config = small.config()
        network = superres.build(config)
        for _ in range(5):
            if abs(superres.widen(config, network)) < 0.9:
                break
        self.assertAlmostEqual(superres.widen(config, network), 0, delta=0.01)
        picture = {name: value.clone() for name, value in network.state_dict().items() if name != "scale.bias"}
        with torch.no_grad():
            network.scale.bias -= 0.4
        self.assertAlmostEqual(superres.widen(config, network), 0.4, delta=0.02)
        self.assertTrue(all(torch.equal(value, network.state_dict()[name]) for name, value in picture.items()))

    def test_every_strength_of_total_variation_has_the_iterations_it_needs(self):
        """The weaker is best at once, the stronger only after many iterations, and better then."""
        target = torch.from_numpy(np.random.default_rng(1).random((1, 40, 40)))
        grain = torch.from_numpy(np.random.default_rng(2).normal(size=(1, 40, 40)))

        class Slow:
            def richardson_lucy(self, electrons, read_noise, iterations, strength=0.0):
                error = {0.0: lambda n: 1.0, 0.003: lambda n: 0.5 + 0.01 * n}.get(strength, lambda n: 3.0 / n)
                for count in iterations:
                    yield count, target + error(count) * grain

        found = rivals.oracle(small.config_with(iterations=list(range(1, 31))), Slow(), None, target)
        wanted = metrics.compare(target[0] + 0.1 * grain[0], target[0])["psnr"]
        self.assertAlmostEqual(found["rl-tv"][0]["psnr"], wanted, places=6)

    def test_classical_results_are_compared_in_the_units_of_the_target(self):
        """Without any fit a good restoration is as near as with it."""
        config = small.config_with(iterations=[2])
        pairs = fields.seen(config, 2)
        images, targets, electrons = fields.shots(config, pairs, 2000, seed=1)
        found = rivals.oracle(config, rivals.restorer(config, images.shape[-1]), electrons, targets)
        for figures in found["richardson-lucy"]:
            self.assertLess(figures["nrmse_raw"], 1.5 * figures["nrmse"])


if __name__ == "__main__":
    unittest.main()
