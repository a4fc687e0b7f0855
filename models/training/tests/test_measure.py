"""The whole evaluation of a tiny network: bars, tables and card agree, and a new timing leaves the rest alone."""

import dataclasses
import hashlib
import json
import unittest
from unittest import mock

import numpy as np
import torch
from scipy import ndimage

from deepscope_training import __version__, initial, intervals, metrics, package, pool, results, superres, train, widen
from deepscope_training.errors import TrainingError
from deepscope_training.superres import card, checks, describe, fields, measure, rivals

from . import small


class Evaluation(unittest.TestCase):
    def test_metrics_and_card_say_the_same(self):
        folder = small.scratch(self)
        config = small.config_with(families=["rings", "meshes"], iterations=[1, 2], blur=0.2)
        pool.fill(config, folder / "pool", report=small.silent)
        with self.assertRaisesRegex(TrainingError, "There is no checkpoint"):
            describe.run(config, folder / "work", folder / "pool", folder / "out", report=small.silent)
        never_apart = dataclasses.replace(config, seed=5, data=dataclasses.replace(config.data, slip=[0.0, 0.0], blur=[0.0, 0.1]))
        train.run(never_apart, folder / "work", folder / "pool", steps=2, grow=False, report=small.silent)
        with self.assertRaisesRegex(TrainingError, "There is no pool in .*--pool"):
            describe.run(config, folder / "work", folder / "another", folder / "elsewhere", report=small.silent)
        describe.run(config, folder / "work", folder / "pool", folder / "out", report=small.silent)
        self.assertEqual(package.read_description(folder / "out")["config"]["deepscope"]["optics"]["input"]["blur_um"], [0.0, 0.1], "what the weights learned from, not what the configuration says")
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
        self.assertIn("with σ 0.2 µm, the target as ever, as up to 0.1 µm in training", card)
        self.assertIn("by a Gaussian with σ 0.0–0.1 µm", first)
        self.assertIn("steps in 0.", card)
        self.assertIn(", seed 5", card, "the seed that the checkpoint learned with")
        self.assertTrue((folder / "out" / "figure-heldout.png").stat().st_size > 1000)

        again = measure.retime(config, folder / "out", report=small.silent)
        self.assertEqual({**again["tables"], "time": 0}, {**found["tables"], "time": 0})
        self.assertEqual(results.read(folder / "out")["bars"], again["bars"])

        described = (folder / "out" / "rdf.yaml").read_text(encoding="utf-8")
        describe.tell(folder / "out", config, [0.0, 0.1], [{"photons": 500, "slope": 3.0}])
        with mock.patch.object(results, "__version__", "99.0"):
            anew = measure.run(config, None, folder / "out", report=small.silent)
        self.assertEqual({**anew["tables"], "time": 0}, {**found["tables"], "time": 0}, "of the package alone, whose checkpoint is lost")
        self.assertEqual({**anew, "tables": 0, "bars": 0}, {**found, "tables": 0, "bars": 0, "remeasured": True}, "and it stays of its own version")
        self.assertEqual((folder / "out" / "rdf.yaml").read_text(encoding="utf-8"), described, "its description tells the flux slopes that were measured last, and all else as it did")

        older = {key: value for key, value in anew.items() if key != "learned"}
        (folder / "out" / "metrics.json").write_text(json.dumps({**older, "version": "0.1.0"}), encoding="utf-8")
        with self.assertRaisesRegex(TrainingError, "was exported as .* and last measured as 0.1.0"):
            measure.run(config, None, folder / "out", report=small.silent)
        (folder / "out" / "metrics.json").write_text(json.dumps(older), encoding="utf-8")
        state = results.of_run_or_package(config, None, folder / "out", None)[1]
        self.assertEqual(state["config"]["data"]["off_focus"], config.data.off_focus, "what an older package does not say is as in the configuration")
        self.widened(config, folder / "out")
        self.beside(config, folder / "out", folder / "other")

    def beside(self, config, out, other):
        """Another seed's bars stand in the card beside the package's own, also after these are measured anew."""
        told = results.read(out)
        second = {**told, "training": {**told["training"], "seed": 77, "initial": None}, "bars": [{**bar, "value": 0.125, "holds": False} for bar in told["bars"][1:]]}
        other.mkdir()
        elsewhere = {**second, "specimens_seed": config.seed + 1}
        for refused, why in (({**second, "package": "deep-z"}, "is a deep-z, not a widefield-sr"), (told, "has the seed of"), (elsewhere, "was not measured on the specimens of")):
            (other / "metrics.json").write_text(json.dumps(refused), encoding="utf-8")
            with self.assertRaisesRegex(TrainingError, why):
                results.beside(config, out, other, report=small.silent)
        fewer = {**second, "tables": {**told["tables"], "held_out": [{**row, "fields": 7} for row in told["tables"]["held_out"]]}}
        (other / "metrics.json").write_text(json.dumps(fewer), encoding="utf-8")
        with self.assertRaisesRegex(TrainingError, "other numbers of specimens"):
            results.beside(config, out, other, report=small.silent)
        since = {**second, "tables": {**told["tables"], "made_up_since": []}}
        (other / "metrics.json").write_text(json.dumps(since), encoding="utf-8")
        results.beside(config, out, other, report=small.silent)
        for _ in range(2):
            card = (out / "CARD.md").read_text(encoding="utf-8")
            for number, bar in enumerate(told["bars"]):
                beside = number > 0 and not bar["name"].startswith(("ms-", "mib"))
                self.assertRegex(card, rf"`{bar['name']}` .* {'0.125 . ..no.. ' if beside else '. . '}\|\n", "time and size are the same network's")
            self.assertIn("Seed 77: another training", card)
            self.assertIn("begun with random weights", card)
            measure.run(config, None, out, report=small.silent)
        measure.run(config, out.parent / "work", out, report=small.silent)
        self.assertNotIn("second", results.read(out), "of a network that was trained anew nothing is said by what another reached before")

    def widened(self, config, out):
        """A package whose expected errors are told anew keeps its picture, and its files say so; twice, and the line is that through what it was first. A damaged one, or one that would be no better, is left as it is."""
        before, answers = superres.build(config), np.load(out / "test-output.npy")
        initial.weights(out, before)
        layer, whole = intervals.layer_of(torch.from_numpy(answers[:, 1])), {"slope": 1.0, "offset": 0.0}
        for slope, offset in ((1.2, 0.25), (0.9, -0.5)):
            with mock.patch.object(widen, "fit", lambda config, network: (self.line(network, slope, offset), "told.")):
                widen.run(config, out, report=small.silent)
            whole = {"slope": slope * whole["slope"], "offset": slope * whole["offset"] + offset}
            line = results.read(out)["training"]["widened"]
            self.assertEqual(line, {key: round(value, 4) for key, value in whole.items()})
            after, anew = superres.build(config), np.load(out / "test-output.npy")
            initial.weights(out, after)
            self.assertAlmostEqual(float(after.scale.bias), line["slope"] * float(before.scale.bias) + line["offset"], places=4)
            np.testing.assert_allclose(anew[:, 0], answers[:, 0], atol=1e-5)
            np.testing.assert_allclose(anew[:, 1], intervals.scale_of(whole["slope"] * layer + whole["offset"]).numpy(), rtol=1e-3)
            description = package.read_description(out)
            for told in (description["weights"]["onnx"], description["outputs"][0]["test_tensor"], description["inputs"][0]["test_tensor"], description["config"]["deepscope"]["guard"]["statistics"]):
                self.assertEqual(told["sha256"], hashlib.sha256((out / told["source"]).read_bytes()).hexdigest())
            self.assertEqual((results.read(out)["version"], description["version"]), (__version__, __version__))
            self.assertIn(f"last layer times {line['slope']:.3f}, {line['offset']:+.3f}", (out / "CARD.md").read_text(encoding="utf-8"))
        files = {path.name: path.read_bytes() for path in out.iterdir()}
        with mock.patch.object(widen, "fit", lambda config, network: (None, "left as it was.")):
            widen.run(config, out, report=small.silent)
        (out / "statistics.json").write_text("{}", encoding="utf-8")
        with self.assertRaisesRegex(TrainingError, "statistics.json is not the file that rdf.yaml tells of"):
            widen.run(config, out, report=small.silent)
        (out / "statistics.json").write_bytes(files["statistics.json"])
        self.assertEqual({path.name: path.read_bytes() for path in out.iterdir()}, files)

    def line(self, network, slope, offset):
        """What `widen.fit` does with a line that it found."""
        with torch.no_grad():
            network.scale.weight.mul_(slope)
            network.scale.bias.mul_(slope).add_(offset)
        return {"slope": slope, "offset": offset}

    def test_a_scale_is_told_from_what_the_last_layer_gave_and_back(self):
        """A tenth of a softplus and a thousandth: of 0 it is 0.1 ln 2 + 0.001."""
        layer = torch.tensor([-9.0, -2.0, 0.0, 3.0, 40.0])
        self.assertAlmostEqual(float(intervals.scale_of(layer)[2]), 0.1 * np.log(2) + 0.001, places=6)
        np.testing.assert_allclose(intervals.layer_of(intervals.scale_of(layer)).numpy(), layer.numpy(), atol=1e-3)

    def test_widening_finds_the_size_of_errors_again_and_leaves_the_picture_alone(self):
        """Laplace errors, of which the head gives a line of what it should, 1.2 times as much and 0.3; on an empty ground, which does not count, none at all. Where others show another line, nothing changes."""
        rng, config = np.random.default_rng(7), small.config()
        network = superres.build(config)
        kept = {name: value.clone() for name, value in network.state_dict().items()}

        def fresh_with(check):
            def fresh(config, network, count, first):
                slope, offset = (1.2, 0.3) if first == widen.FIRST["fit"] else check
                found = {}
                for level, low in ((20, -1), (2000, -4)):
                    lit, values = rng.random((count, 64, 64)) < 0.5, rng.uniform(low, low + 2, (count, 64, 64))
                    image = np.where(lit, rng.uniform(10, 20, lit.shape), 0)
                    expected, right = (intervals.scale_of(torch.from_numpy(v)).numpy() for v in ((values - offset) / slope, values))
                    target = image + rng.laplace(0, np.where(lit, right, 1e-6))
                    found[level] = [(7 * i, 7 * e, 7 * t, 7.0) for i, e, t in zip(image, expected, target)]
                return found

            return mock.patch.object(superres, "fresh", fresh)

        with mock.patch.dict(widen.SPECIMENS, superres=20):
            with fresh_with((0.8, -0.3)):
                line, told = widen.fit(config, network)
            self.assertIsNone(line)
            self.assertIn("left as it was", told)
            self.assertTrue(all(torch.equal(value, kept[name]) for name, value in network.state_dict().items()))
            with fresh_with((1.2, 0.3)):
                line, _ = widen.fit(config, network)
        self.assertAlmostEqual(line["slope"], 1.2, delta=0.03)
        self.assertAlmostEqual(line["offset"], 0.3, delta=0.03)
        for name, value in network.state_dict().items():
            told = {"scale.weight": kept[name] * line["slope"], "scale.bias": kept[name] * line["slope"] + line["offset"]}.get(name, kept[name])
            self.assertTrue(torch.allclose(value, told, atol=1e-3) if name.startswith("scale.") else torch.equal(value, told), name)

    def test_specimens_that_show_nothing_are_no_measure(self):
        empty = {500: [(np.zeros((8, 8)), np.ones((8, 8)), np.zeros((8, 8)), 1.0)]}
        with mock.patch.object(superres, "fresh", lambda *_: empty), self.assertRaisesRegex(TrainingError, "None of the fresh specimens shows anything"):
            widen.fit(small.config(), superres.build(small.config()))

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


class Words(unittest.TestCase):
    """What a card says where something else is nearer to the truth than the network."""

    def test_of_the_real_pair(self):
        figures = {"input": 20.0, "rl": 22.0, "rl-found": 23.0, "rl-fitted": 23.5, "network": 22.5}
        counts = {"rl": 20, "rl-found": 40, "rl-fitted": 200}
        evaluation = dataclasses.replace(small.config().evaluation, iterations=[20, 40, 200])
        said = card.real_pair(evaluation, [{"part": "whole", "spread_um": 0.1, "iterations": counts, **{f"{name}_psnr": value for name, value in figures.items()}}])
        self.assertIn("σ 100 nm", said)
        self.assertIn("(20, 40, 200; 200 at most)", said)
        self.assertIn("at +0.50, -0.50 and -1.00 dB", said)
        self.assertEqual(card.real_pair(evaluation, []), "")

    def test_of_a_reconstruction(self):
        row = {"specimen": "meshes", "photons": 2000, "network_psnr": 26.0, "reconstruction_psnr": 28.5}
        self.assertIn("by up to 2.5 dB (meshes, 2000 photons)", card.reconstruction([{**row, "reconstruction_psnr": 25.0}, row]))
        self.assertNotIn("further", card.reconstruction([{**row, "reconstruction_psnr": 25.0}]))

    def test_of_a_comparison_that_was_not_made_anew(self):
        result = {"shipped": "plain", "tables": {"variants": [{"variant": "plain"}, {"variant": "adversarial"}]}}
        self.assertIn("was not made anew", card.variants({**result, "remeasured": True}))
        self.assertNotIn("was not made anew", card.variants(result))


class RealPair(unittest.TestCase):
    def test_a_fitted_spread_brings_back_what_a_wider_one_than_theory_s_has_blurred(self):
        """Lines blurred some three times as widely as theory says: deconvolved with the Gaussian that blurred them they are nearer to the truth."""
        optics = dataclasses.replace(small.config().optics, target=small.config().optics.input)
        config = dataclasses.replace(small.config(), optics=optics)
        config = dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, iterations=[1, 5, 20, 60]))
        truth = torch.zeros(64, 64)
        truth[20], truth[:, 40] = 200.0, 300.0
        spread = 1.5 * optics.input.pixel
        image = 1 + torch.from_numpy(ndimage.gaussian_filter(truth.numpy(), 1.5))
        fitted, theory = (metrics.compare(checks.best_deconvolved(config, image, truth.numpy(), of, shown=False)[1], truth.numpy())["psnr"] for of in (spread, None))
        self.assertGreater(fitted, theory + 1)

    def test_an_answer_as_it_was_found_is_sharper_than_as_the_target_would_show_it(self):
        truth = torch.zeros(64, 64)
        truth[20], truth[:, 40] = 200.0, 300.0
        config = dataclasses.replace(small.config(), optics=dataclasses.replace(small.config().optics, target=small.config().optics.input))
        image = 1 + torch.from_numpy(ndimage.gaussian_filter(truth.numpy(), 0.7))
        (_, shown), (_, found) = (checks.best_deconvolved(config, image, truth.numpy(), shown=which) for which in (True, False))
        self.assertGreater(metrics.compare(found, truth.numpy())["psnr"], metrics.compare(shown, truth.numpy())["psnr"] + 1)


if __name__ == "__main__":
    unittest.main()
