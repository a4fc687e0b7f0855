"""Refocusing: examples, network, what it is measured with, and the package."""

import dataclasses
import json
import math
import unittest
from unittest import mock

import numpy as np
import torch

from deepscope_training import intervals, losses as common, markdown, metrics, package, pool, refocus, train, widen
from deepscope_training.errors import TrainingError
from deepscope_training.refocus import batches, beads, card, checks, comparison, describe, fields, losses, measure, networks, observe, predict

from . import small, small_refocus


def network(dpm="early", seed=0):
    torch.manual_seed(seed)
    made = networks.build(small_refocus.config(dpm))
    with torch.no_grad():  # as if trained: every part has a say
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


class Examples(unittest.TestCase):
    def test_distances_are_even_and_within_reach(self):
        positions = np.round(np.linspace(-14, 14, 29))
        positions = np.concatenate([[-4, 0, 4], positions])
        generator = torch.Generator().manual_seed(0)
        found = np.array([positions[j] - positions[i] for i, j in (batches.choose(positions, 3, 10, generator) for _ in range(2000))])
        self.assertLessEqual(np.abs(found).max(), 10)
        self.assertAlmostEqual(float((np.abs(found) > 5).mean()), 0.5, delta=0.06)
        self.assertAlmostEqual(float(found.mean()), 0, delta=0.4)

    def test_the_map_says_where_the_target_is(self):
        """positions: the target of an example is the entry's image at input + 10·dpm."""
        config = small_refocus.config()
        entry = {
            "widefield": (np.arange(4.0)[:, None, None] + 1) * np.ones((4, 48, 48)), "positions": np.array([-1.0, 1.0, -3.0, 3.0], np.float32), "inputs": 2,
        }  # fmt: skip
        entry["widefield"][:, :24] *= 2  # so that percentiles differ
        settings = dataclasses.replace(config, camera=dataclasses.replace(config.camera, photons=[800.0, 800.0], eight_bit=0.0, hot_pixels=0.0))
        for seed in range(8):
            raw, dpm, target, _ = batches.example(settings, entry, torch.Generator().manual_seed(seed), 48)
            d = float(dpm[0, 0]) * 10
            self.assertTrue((dpm == dpm[0, 0]).all())
            bright = target > target.mean()
            ratio = float((target[bright].mean() - target[~bright].mean()) / (raw[bright].mean() - raw[~bright].mean()))
            self.assertTrue(any(abs(ratio / r - 1) < 0.05 for k, r in self.ratios(entry) if k == round(d, 3)), (d, ratio))

    def ratios(self, entry):
        places = entry["positions"]
        return [(round(float(places[j] - places[i]), 3), (j + 1) / (i + 1)) for i in range(2) for j in range(4)]

    def test_what_is_signal_follows_from_the_whole_picture_and_not_from_the_patch(self):
        """A tenth of the target's range, in whichever corner the patch lies and however its numbers are scaled."""
        config = small_refocus.config()
        entry = fields.make(config, 0)
        found = [batches.example(config, entry, torch.Generator().manual_seed(4), patch) for patch in (48, 16)]
        (_, _, whole, level), (_, _, part, same) = found
        torch.testing.assert_close(level, same)
        self.assertAlmostEqual(float(level), intervals.level(whole.numpy()), places=5)
        self.assertNotAlmostEqual(float(level), intervals.level(part.numpy()), places=3)

    def test_batches_repeat(self):
        config = small_refocus.config()
        entries = [fields.make(config, 0), fields.make(config, 1)]
        first, again = (batches.batch(config, entries, 0, 2, 7) for _ in range(2))
        for a, b in zip(first, again):
            self.assertTrue(torch.equal(a, b))
        halves = [batches.batch(config, entries, 0, 2, 7, rank, 2) for rank in (0, 1)]
        self.assertTrue(torch.equal(first[0], torch.cat([h[0] for h in halves])))


class Network(unittest.TestCase):
    def test_planes_of_one_image_may_share_it(self):
        raw, dpm = torch.rand(1, 1, 32, 48), torch.rand(5, 1, 32, 48) - 0.5
        for mode in networks.MODES:
            made = network(mode)
            with torch.no_grad():
                torch.testing.assert_close(made(raw, dpm), made(raw.expand(5, -1, -1, -1), dpm), rtol=1e-4, atol=1e-5)

    def test_the_distance_matters(self):
        raw, dpm = torch.rand(1, 1, 32, 32), torch.full((1, 1, 32, 32), 0.3)
        for mode in networks.MODES:
            made = network(mode)
            with torch.no_grad():
                self.assertGreater(float((made(raw, dpm) - made(raw, -dpm)).abs().max()), 1e-2)

    def test_twice_the_light_is_twice_the_light(self):
        raw, dpm, made = torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32) - 0.5, network()
        with torch.no_grad():
            torch.testing.assert_close(made(3 * raw, dpm)[:, 0], 3 * made(raw, dpm)[:, 0], rtol=1e-4, atol=1e-5)

    def test_an_untrained_network_passes_the_image_on(self):
        torch.manual_seed(1)
        made, raw = networks.build(small_refocus.config()), torch.rand(1, 1, 64, 64)
        with torch.no_grad():
            out = made(raw, torch.full_like(raw, 0.5))[:, :1]
        self.assertGreater(np.corrcoef(out.ravel(), raw.ravel())[0, 1], 0.9)

    def test_nothing_beyond_its_reach_matters(self):
        for mode in networks.MODES:
            made, raw, dpm = network(mode), torch.rand(1, 1, 96, 96), torch.rand(1, 1, 96, 96)
            far, elsewhere = raw.clone(), dpm.clone()
            reach = made.reach()
            far[..., : 64 - reach] += 5
            elsewhere[..., : 64 - reach] += 5
            with torch.no_grad():
                torch.testing.assert_close(made(far, elsewhere)[..., 64:], made(raw, dpm)[..., 64:], rtol=1e-4, atol=1e-5)

    def test_an_unknown_design_is_refused(self):
        with self.assertRaisesRegex(TrainingError, "network.dpm must be one of early, late, not middle"):
            networks.build(small_refocus.config("middle"))


class Beads(unittest.TestCase):
    z = np.arange(-10, 10.25, 0.5)

    def test_height_and_width_of_a_gaussian(self):
        profile = np.exp(-((self.z - 3.2) ** 2) / (2 * 0.8**2))
        self.assertAlmostEqual(float(beads.heights(profile[None], self.z)[0]), 3.2, delta=0.1)
        self.assertAlmostEqual(beads.width(profile, self.z), 2.3548 * 0.8, delta=0.1)  # samples half a µm apart

    def test_a_profile_that_leaves_the_range_has_no_width(self):
        self.assertTrue(math.isnan(beads.width(np.exp(-((self.z - 10) ** 2) / 2), self.z)))

    def test_depth_of_field_ends_where_a_row_fails(self):
        row = {"lateral": 1.1, "z_error_um": 0.5, "sign_errors": 0.0}
        rows = [{**row, "distance_um": float(d)} for d in range(-10, 11)]
        self.assertEqual(beads.depth_of_field(rows), 20)
        rows[3]["z_error_um"] = 2.5  # at -7
        self.assertEqual(beads.depth_of_field(rows), 16)

    def test_a_ring_around_a_dot_is_as_wide_as_the_ring(self):
        """A defocused bead is a ring, perhaps with a dot in its middle; a Gaussian fits the dot and calls it sharp."""
        y, x = np.mgrid[:41, :41] - 20.0
        r = np.hypot(y, x)
        ring = 10 * np.exp(-((r - 7) ** 2) / 2) + 14 * np.exp(-(r**2) / 1.5) + 100
        self.assertGreater(beads.radial_width(ring, 20, 20), 14)
        self.assertEqual(beads.radial_width(np.zeros((41, 41)), 20, 20), math.inf)
        spot = 10 * np.exp(-(r**2) / (2 * 1.7**2)) + 100
        np.testing.assert_allclose(beads.widths(spot, [(20, 20)], 0.5), 0.5 * 2.3548 * 1.7, atol=0.03)

    def test_a_bead_far_out_of_focus_is_not_called_sharp(self):
        stacks = observe.beads(small_refocus.config(), [-5.0, 0.0, 5.0])
        pixel = small_refocus.config().optics.pixel
        middle = stacks[2][len(stacks[2]) // 2][None]
        below, sharp, above = (v.numpy() for v in stacks[0])
        sharp = beads.widths(sharp, middle, pixel)
        self.assertGreater(min(beads.lateral(v, middle, pixel, sharp) for v in (below, above)), 1.5)

    def test_the_raw_image_is_sharp_over_about_the_depth_of_field(self):
        # λ n / NA² = 1.24 µm at 525 nm (Born & Wolf), measured by a width of 1.2 instead of Strehl's 0.8
        self.assertAlmostEqual(beads.raw_range(small_refocus.config()), 1.24, delta=0.6)


class Checks(unittest.TestCase):
    def test_a_surface_is_cut_out_linearly(self):
        stack, positions = torch.arange(5.0)[:, None, None].expand(5, 4, 4), np.arange(-2, 3)
        surface = torch.linspace(-2, 2, 4).expand(4, 4)
        torch.testing.assert_close(checks.slice_of(stack, surface, positions), surface + 2)

    def test_peaks_and_light(self):
        y, x = np.mgrid[:96, :96]
        image = 7 + 20 * np.exp(-((y - 40) ** 2 + (x - 50) ** 2) / 8)
        self.assertEqual(checks.peaks(image, 5).tolist(), [[40, 50]])
        self.assertEqual(len(checks.peaks(image, 50)), 0)
        self.assertAlmostEqual(float(checks.light(image, np.array([[40, 50]]), 0.325)[0]) / (20 * 8 * np.pi), 1, delta=0.01)

    def test_the_second_head_learns_from_its_intervals_and_leaves_the_picture_alone(self):
        generator = torch.Generator().manual_seed(6)
        output, target, raw = (torch.rand(2, n, 32, 32, generator=generator) + 0.1 for n in (2, 1, 1))
        output.requires_grad_(True)

        signal = torch.tensor([0.3, 0.6])[:, None, None, None]

        def gradient(weight, kind):
            total, parts = losses.loss(small_refocus.config(target=kind, scale=weight), lambda *_: output, (raw, None, target, signal))
            return torch.autograd.grad(total, output)[0], parts["scale"]

        edge = small_refocus.config().training.border
        inner = np.s_[..., edge : 32 - edge, edge : 32 - edge]
        for kind, worth in (("widefield", 4), ("confocal", 30)):
            judged = common.balanced(common.misjudged((target - output[:, :1].detach())[inner], output[:, 1:][inner]), target[inner] > signal, worth)
            (with_it, said), (without, _) = gradient(1.0, kind), gradient(0.0, kind)
            self.assertAlmostEqual(said, float(judged.detach()), places=6)
            torch.testing.assert_close(with_it[:, 1], torch.autograd.grad(judged, output)[0][:, 1])
            torch.testing.assert_close(with_it[:, 0], without[:, 0])

    def test_the_two_designs_are_compared_on_the_validation_examples(self):
        """A copy of the input is as good as the input, at every distance."""
        config = small_refocus.config(validation_fields=3)
        entries = [fields.make(config, index) for index in range(3)]
        found = comparison.quality(config, Identity(), entries)
        self.assertEqual(list(found), list(comparison.GROUPS))
        for copy, given in (group for group in found.values() if np.ndim(group)):
            self.assertAlmostEqual(copy, given, places=3)

    def test_coverage_of_laplace_noise(self):
        rng = np.random.default_rng(1)
        target = rng.uniform(5, 10, (120, 120))
        target[:40] = 0
        answers = {500: [(target + rng.laplace(0, 0.3, target.shape), np.full(target.shape, 0.3), target)]}
        for row in intervals.coverage(answers, "made"):
            self.assertAlmostEqual(row["inside"], row["interval"], delta=0.02)
            self.assertEqual((row["low"], row["high"]), (row["inside"], row["inside"]), "one picture tells nothing of others")

    def test_coverage_says_how_far_it_hangs_on_the_pictures(self):
        """Of 100 pictures 80 are inside everywhere and 20 nowhere: the share has a standard error of 0.04."""
        target = np.zeros((20, 20))
        target[5:15, 5:15] = 1
        answers = {500: [(target + (n < 20), np.full(target.shape, 0.1), target) for n in range(100)]}
        for row in intervals.coverage(answers, "made"):
            self.assertAlmostEqual(row["inside"], 0.8)
            self.assertAlmostEqual(row["low"], 0.8 - 1.96 * 0.04, delta=0.02)
            self.assertAlmostEqual(row["high"], 0.8 + 1.96 * 0.04, delta=0.02)
        self.assertIn("| made | 500 | 80.0% (7", markdown.coverage(intervals.coverage(answers, "made")))

    def test_a_picture_counts_in_a_bootstrap_by_its_weight(self):
        mean, low, high = metrics.bootstrap([0, 1], [1, 3])
        self.assertEqual((mean, low, high), (0.75, 0, 1))


    def test_a_copy_of_the_input_never_tells_the_sides_of_focus_apart(self):
        """The same picture at every distance has its sharpest plane at the first of them: before the focus for every bead, which is right for half of them."""
        self.assertAlmostEqual(comparison.told_apart(small_refocus.config(), Identity()), 0.5)

    def test_the_sides_of_focus_are_told_apart_only_with_the_aberrations_of_the_training(self):
        asked = []

        def rows(config, network, waves):
            asked.extend(waves)
            return [{"beads": 3, "sign_accuracy": 1.0}, {"beads": 1, "sign_accuracy": 0.2}]

        with mock.patch.object(checks, "aberrations", rows):
            self.assertAlmostEqual(comparison.told_apart(small_refocus.config(), None), 0.8)
        self.assertEqual(asked, [0.05, 0.08, 0.12])

    def test_several_looks_at_one_specimen_are_one_when_it_is_said_how_far_a_coverage_hangs_on_them(self):
        target = np.zeros((20, 20))
        target[5:15, 5:15] = 1
        given = [(target + (n < 20), np.full(target.shape, 0.1), target) for n in range(100)]
        alone, together = (intervals.coverage({500: given}, "made", looks)[0] for looks in (1, 10))
        self.assertAlmostEqual(alone["inside"], together["inside"])
        self.assertGreater(together["high"] - together["low"], 2 * (alone["high"] - alone["low"]))

    def test_a_level_without_signal_has_no_coverage(self):
        flat = np.zeros((20, 20))
        self.assertEqual(intervals.coverage({20: [(flat, flat + 1, flat)]}, "made"), [])


class Identity(torch.nn.Module):
    """A network that gives back what it gets."""

    step = 4

    def forward(self, raw, dpm):
        raw = raw.expand(dpm.shape[0], -1, -1, -1)
        return torch.cat([raw, 0.1 + 0 * raw], 1)


class Measurement(unittest.TestCase):
    def test_the_copy_of_the_input_gains_nothing(self):
        config = small_refocus.config()
        stacks = observe.held_out(config, "dust", 1, measure.signed(config))[0]
        rows, answers = measure.specimen(config, Identity(), stacks, 1000, 1)
        self.assertEqual([r["distance"] for r in rows], [0, 2, 2])
        for row in rows:
            self.assertAlmostEqual(row["network"]["psnr"], row["input"]["psnr"], places=3)
        summary = measure.summarise([{**row, "of": 0} for row in rows], specimen="dust")
        self.assertLessEqual(summary["gain"]["mean"], 1e-6)
        self.assertEqual(answers[0][0].shape, (16, 16))

    def test_both_sides_of_focus_and_all_lights_of_one_specimen_count_as_one(self):
        """Of four specimens two are a decibel better on both sides of focus and in both lights. Drawn anew, all four are alike in a sixteenth of the draws each way, which an
        interval of 95 % must hold; of eight separate cases in a 256th."""

        def case(config, network, better, photons, seed):
            figures = {"psnr": 20.0, "ssim": 0, "nrmse": 0, "nrmse_raw": 0, "iterations": 1}
            return [{"distance": abs(d), **dict.fromkeys(measure.CANDIDATES, figures), "network": {**figures, "psnr": 20.0 + better}} for d in measure.signed(config)], []

        config = small_refocus.config()
        config = dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, photons=[100, 1000]))
        with mock.patch.object(measure, "specimen", case):
            rows, _ = measure.table(config, None, {"dust": [1, 0], "shells": [1, 0], "helices": [1]}, small.silent)
        for row in rows:
            family = row["specimen"]
            self.assertEqual(row["specimens"], {"all": 5, "helices": 1}.get(family, 2))
            self.assertEqual(row["cases"], row["specimens"] * (2 if row["distance_um"] else 1) * (2 if row["photons"] == "all" else 1))
            if family != "all":
                self.assertEqual((row["gain"]["low"], row["gain"]["high"]), (None, None) if family == "helices" else (0, 1), "one specimen tells nothing of others")
        everything = [row["gain"] for row in rows if row["specimen"] == row["photons"] == "all"]
        self.assertEqual(len(everything), 2)
        for gain in everything:
            self.assertAlmostEqual(gain["mean"], 0.6)
            self.assertLessEqual(gain["low"], 0.2, "of five specimens at most one is better in a twelfth of the draws; of ten or twenty cases hardly ever")
        self.assertIn("| helices | 100 | 2 | 2 |", card.gains(rows))
        self.assertIn("| +1.00 | input |", card.gains(rows))
        self.assertEqual(card.measured([{"distance_um": 0, "specimen": "dust", "cases": 200}]), "200")
        self.assertIn("2 (200 are wanted", card.measured(rows))
        surfaces = [{"surface": "tilted", "input_db": 20.0, "network_db": 19.999}, {"surface": "curved", "input_db": 20.0, "network_db": 18.0}]
        self.assertTrue(card.beside_input(surfaces).endswith(": curved (by 2.00 dB)."))
        self.assertTrue(card.beside_input(surfaces[:1]).endswith("on none."))

    def test_another_map_of_distances_costs_what_the_plane_there_is_unlike_the_wanted_one(self):
        """A network that gives every plane as it is, a little noise apart, and is asked once for each photograph."""
        config = small_refocus.config()
        stacks, light = observe.held_out(config, "dust", 1, measure.signed(config))[0], 1000
        planes = observe.truth(config, stacks[0], light)
        answer = planes + torch.randn(planes.shape, generator=torch.Generator().manual_seed(3))
        with mock.patch.object(predict, "refocus", return_value=(answer, None)) as asked:
            [row] = measure.shuffled(config, None, {"dust": [stacks]}, small.silent)
        self.assertEqual(asked.call_count, 1)
        pairs = {"right_db": [(0, 0), (1, 1), (2, 2)], "another_db": [(1, 0), (2, 1), (0, 2)], "opposite_db": [(1, 0), (2, 1), (1, 2)]}  # planes in focus, beyond it, before it: given, wanted
        for name, which in pairs.items():
            expected = np.mean([metrics.compare(answer[given].numpy(), planes[wanted].numpy(), checks.EDGE)["psnr"] for given, wanted in which])
            self.assertAlmostEqual(row[name], expected, places=6)
        self.assertGreater(row["cost_db"], 3)

    def test_how_well_errors_are_told_is_counted_on_fresh_specimens(self):
        """Every picture is that of its target, at each level of light, and no specimen is one that the pool could hold."""
        config, asked = small_refocus.config(), []
        config = dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, photons=[50, 5000]))
        drawn = fields.make
        with mock.patch.object(checks, "SEEN", 2), mock.patch.object(fields, "make", lambda *of: (asked.append(of[1]), drawn(*of))[1]):
            answers = measure.entries_seen(config, Identity(), small.silent)
        self.assertEqual(len(set(asked)), 2)
        self.assertGreater(min(asked), 1_000_000)
        self.assertEqual({photons: len(given) for photons, given in answers.items()}, {photons: 2 for photons in config.evaluation.photons})
        for image, scale, target in answers[5000]:
            self.assertEqual((image.shape, scale.shape), (target.shape, target.shape))
            self.assertGreater(np.corrcoef(image.ravel(), target.ravel())[0, 1], 0.2)  # the same place of the same specimen, if not the same plane
        for (_, _, dim), (_, _, bright) in zip(*answers.values()):
            self.assertGreater(np.ptp(bright), 20 * np.ptp(dim))

    def test_fresh_specimens_are_told_in_units_of_the_input_and_of_the_network(self):
        """What the second head of the network itself expects is the scale over the unit; of a head that gives 0 everywhere, 0.1 ln 2 and 0.001."""
        config = small_refocus.config()
        network = networks.build(config)
        with torch.no_grad():
            network.scale.weight.zero_(), network.scale.bias.zero_()
        for answers in refocus.fresh(config, network, 2, 30_000_000).values():
            self.assertEqual(len(answers), 2)
            for image, scale, target, unit in answers:
                self.assertEqual((image.shape, scale.shape), (target.shape, target.shape))
                np.testing.assert_allclose(scale / unit, 0.1 * np.log(2) + 0.001, rtol=1e-5)

    def test_expected_errors_of_a_refocusing_network_are_fitted_too(self):
        """Of a head that expects far too little the line goes up until FARTHEST, and the picture stays."""
        torch.manual_seed(4)
        config = small_refocus.config()
        network = networks.build(config)
        with torch.no_grad():
            network.scale.bias.fill_(-6)
        kept = {name: value.clone() for name, value in network.state_dict().items()}
        with mock.patch.dict(widen.SPECIMENS, refocus=2):
            line, _ = widen.fit(config, network)
        self.assertGreater(line["slope"] * -6 + line["offset"], -6)
        for name, value in network.state_dict().items():
            self.assertEqual(torch.equal(value, kept[name]), not name.startswith("scale."), name)

    def test_prediction_returns_to_the_units_of_the_input(self):
        image = 300 + 50 * torch.rand(30, 41)
        made, scale = predict.refocus(Identity(), image, [1.0, torch.zeros(30, 41)], [1.0, 99.9])
        self.assertEqual(made.shape, (2, 30, 41))
        torch.testing.assert_close(made[0], image, rtol=1e-4, atol=1e-2)
        self.assertAlmostEqual(float(scale[0, 0, 0]), 5, delta=0.5)

    def test_a_network_sees_nothing_around_the_image_but_its_mirror_image_up_to_the_next_multiple_of_its_step(self):
        """As the application does it; numpy.pad calls it "reflect"."""
        seen = []

        class Watching(Identity):
            step = 16

            def forward(self, raw, dpm):
                seen.append(raw)
                return super().forward(raw, dpm)

        image = torch.rand(30, 41)
        predict.refocus(Watching(), image, [1.0], [1.0, 99.9], fixed=(0.0, 1.0))
        np.testing.assert_allclose(seen[0][0, 0].numpy(), np.pad(image.numpy(), ((0, 2), (0, 7)), "reflect"))

    def test_a_missed_bar_comes_first_in_the_card(self):
        bars = [{"name": "false-energy", "value": 0.02, "holds": False, "must": "≤ 0.01"}, {"name": "mib", "value": 3, "holds": True, "must": "≤ 8"}]
        self.assertIn("1 of 2 bars are missed", markdown.verdict(bars))
        self.assertIn("`false-energy` is 0.02", markdown.verdict(bars))
        self.assertIn("`axial` | not measurable |", markdown.bars({"bars": [{"name": "axial", "value": "not measurable", "holds": False, "must": "1"}]}))


def measured(**changes):
    """Tables as an evaluation gives them, all within the bars, with some entries replaced."""
    bead = {"photons": beads.LEVEL, "lateral": 1.1, "axial": 1.0, "z_error_um": 0.4, "sign_errors": 0.0}
    tables = {
        "gains": [{"distance_um": d, "gain_db": g} for d, g in ((0, -1.0), (2, 1.5), (5, 2.0), (10, 1.2))],
        "beads": [{**bead, "distance_um": float(d)} for d in range(-10, 11)],
        "field_depth": [{"network_um": 20.0, "raw_um": 1.25, "ratio": 16.0}],
        "shuffle": [{"photons": 2000, "cost_db": 4.0}],
        "empty": [{"photons": 20, "energy": 0.004}],
        "spots": [{"photons": 100, "precision": 0.96}, {"photons": 2000, "precision": 0.97}],
        "rare": [{"photons": 2000, "flux_ratio": 0.9}],
        "coverage": [{"specimens": "seen families", "photons": 20, "interval": 0.5, "inside": 0.53}],
        "sectioning": {"empty": 1.1, "occupied": 0.9},
        "time": [{"pixels": 256, "ms": 40.0, "runs": 9, "must": 60}, {"pixels": 512, "ms": 250.0, "runs": 9, "must": 200}],
        "mib": 3.5,
    }  # fmt: skip
    return {**tables, **changes}


class Bars(unittest.TestCase):
    common = {"gain-dz", "false-energy", "spot-precision", "rare-flux", "coverage-error", "ms-256", "ms-512", "mib"}

    def holding(self, config, **changes):
        return {b["name"]: b["holds"] for b in measure.bars_of(config, measured(**changes))}

    def test_names_are_those_promised(self):
        own = {"lateral-fwhm-5", "lateral-fwhm-10", "axial-fwhm", "z-error-5", "z-error-10", "sign-errors", "dpm-shuffle-cost", "dof-extension"}
        config = dataclasses.replace(small_refocus.config(), evaluation=dataclasses.replace(small_refocus.config().evaluation, distances=[0, 2, 5, 10]))
        self.assertEqual(self.holding(config).keys(), self.common | own)
        confocal = dataclasses.replace(config, data=dataclasses.replace(config.data, target="confocal"))
        self.assertEqual(self.holding(confocal).keys(), self.common | {"sectioning-empty", "sectioning-occupied"})

    def test_only_what_is_missed_is_missed(self):
        config = small_refocus.config()
        self.assertEqual([n for n, holds in self.holding(config).items() if not holds], ["ms-512"])
        rows = measured()["beads"]
        rows[5] = {**rows[5], "lateral": None, "axial": None}  # at -5: no bead could be fitted
        missed = [n for n, holds in self.holding(config, beads=rows).items() if not holds]
        self.assertEqual(missed, ["lateral-fwhm-5", "axial-fwhm", "ms-512"])
        value = next(b["value"] for b in measure.bars_of(config, measured(beads=rows)) if b["name"] == "lateral-fwhm-5")
        self.assertEqual(value, "not measurable")

    def test_the_gain_in_focus_is_reported_and_not_judged(self):
        gains = [{"distance_um": 0, "gain_db": -9.0}, {"distance_um": 5, "gain_db": 0.8}]
        self.assertFalse(self.holding(small_refocus.config(), gains=gains)["gain-dz"])
        self.assertEqual(measure.bars_of(small_refocus.config(), measured(gains=gains))[0]["value"], 0.8)


class Package(unittest.TestCase):
    def test_from_the_pool_to_the_package(self):
        import yaml

        folder = small.scratch(self)
        pool.fill(small_refocus.config(), folder / "pool", report=small.silent)
        for mode in networks.MODES:
            config, work, out = small_refocus.config(mode), folder / mode, folder / mode / "out"
            train.run(config, work, folder / "pool", grow=False, report=small.silent)
            describe.run(config, work, folder / "pool", out, report=small.silent)
            description = yaml.safe_load((out / "rdf.yaml").read_text(encoding="utf-8"))
            own = description["config"]["deepscope"]
            self.assertEqual(description["weights"]["onnx"]["sha256"], package.sha256(out / "model.onnx"))
            self.assertEqual([t["id"] for t in description["inputs"]], ["raw", "dpm"])
            self.assertEqual(own["distance"]["range_um"], [-2.0, 2.0])
            self.assertEqual(own["distance"].get("shared", False), mode == "late", "the encoding of a picture is the same for every distance")
            self.assertIn("WO2020139835A1", own["patent"])
            self.assertEqual(own["guard"]["statistics"]["sha256"], package.sha256(out / "statistics.json"))
            self.assertEqual(json.loads((out / "statistics.json").read_text())["tile"], 128)


if __name__ == "__main__":
    unittest.main()
