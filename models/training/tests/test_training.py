"""Configuration, interruption, damage: what a person meets when training does not go straight through."""

import concurrent.futures
import contextlib
import dataclasses
import errno
import io
import multiprocessing
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import yaml
from scipy import ndimage

from deepscope_training import __main__ as command, camera, config as configuration, kinds, metrics, package, pool, superres, train
from deepscope_training.errors import TrainingError, only_one
from deepscope_training.modalities import Blurred, Confocal
from deepscope_training.optics import Field
from deepscope_training.superres import batches, simulate

from . import small

PACKAGE = Path(train.__file__).parent


def member(folder, pool_folder, rank):
    """One of two processes of a crew (a function of the module, so that another process can call it)."""
    network = train.run(small.config(), folder, pool_folder, steps=3, grow=False, report=small.silent, rank=rank, workers=2)
    return {name: value.tolist() for name, value in network.state_dict().items()}


class Configuration(unittest.TestCase):
    def values(self):
        return yaml.safe_load((configuration.CONFIGS / "widefield-sr.yaml").read_text(encoding="utf-8"))

    def refused(self, values):
        with self.assertRaises(TrainingError) as caught:
            configuration.build(superres.Config, values, "widefield-sr.yaml")
        return str(caught.exception)

    def test_patches_alone_are_for_super_resolution(self):
        values = yaml.safe_load((configuration.CONFIGS / "deep-z.yaml").read_text(encoding="utf-8"))
        values["camera"]["alone"] = 0.5
        path = small.scratch(self) / "mine.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        with self.assertRaisesRegex(TrainingError, "no use for camera.alone"):
            configuration.load(path)

    def test_shipped_file_loads(self):
        self.assertEqual(configuration.load("widefield-sr").optics.factor, 2)

    def test_unknown_key_is_named(self):
        values = self.values()
        values["training"]["momentum"] = 0.9
        self.assertIn("section training, does not know the key momentum", self.refused(values))

    def test_missing_key_is_named(self):
        values = self.values()
        del values["network"]["slope"]
        self.assertIn("lacks the key slope", self.refused(values))

    def test_wrong_type_is_named(self):
        values = self.values()
        values["training"]["batch"] = "eight"
        self.assertIn("batch must be of type int", self.refused(values))

    def test_a_circle_of_bases_is_refused(self):
        folder = small.scratch(self)
        for name, base in (("one", "two"), ("two", "one")):
            (folder / f"{name}.yaml").write_text(f"base: {base}\nname: {name}\n")
        with mock.patch.object(configuration, "CONFIGS", folder), self.assertRaisesRegex(TrainingError, "one.yaml is the base of itself; one of one.yaml, two.yaml must name another"):
            configuration.load("one")

    def test_unknown_package(self):
        with self.assertRaisesRegex(TrainingError, "no configuration nothing.yaml; known packages: .*widefield-sr"):
            configuration.load("nothing")


class Interruption(unittest.TestCase):
    def setUp(self):
        self.folder = small.scratch(self)
        self.config = small.config()
        self.pool = self.folder / "pool"
        pool.fill(self.config, self.pool, report=small.silent)

    def train(self, name, **options):
        return train.run(self.config, self.folder / name, self.pool, grow=False, report=small.silent, **options)

    def test_resumed_equals_uninterrupted(self):
        whole = self.train("whole").state_dict()
        self.train("parts", steps=3)
        parts = self.train("parts").state_dict()
        for name, value in whole.items():
            self.assertTrue(torch.equal(value, parts[name]), name)
        rows = (self.folder / "parts" / "loss.csv").read_text(encoding="utf-8").splitlines()
        self.assertEqual([row.split(",")[0] for row in rows], ["step", *map(str, range(1, 9))])

    def test_minutes_end_the_run(self):
        self.train("timed", minutes=1e-9)
        state = train.read_checkpoint(self.folder / "timed" / "checkpoint.pt", self.config)
        self.assertLess(state["step"], 8)

    def test_two_trainings_in_one_folder(self):
        (self.folder / "busy").mkdir()
        lock = only_one(self.folder / "busy")
        self.addCleanup(lock.close)
        with self.assertRaisesRegex(TrainingError, "Another training is running"):
            self.train("busy")

    def test_a_crew_of_two_trains_like_one(self):
        """Two processes that share each batch end where one does, up to rounding."""
        alone = self.train("alone", steps=3).state_dict()
        with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
            (self.folder / "crew").mkdir()
            members = [processes.submit(member, self.folder / "crew", self.pool, rank) for rank in (0, 1)]
            together = members[0].result(timeout=120)
        for name, value in alone.items():
            torch.testing.assert_close(torch.tensor(together[name]), value, rtol=1e-3, atol=1e-4)

    def test_a_crew_learns_with_the_adversary_too(self):
        """Members wait until the leader has made the first fields, outlive the first stage, and meet again in the second, which starts from what the leader left."""
        small_one, work = small.adversarial(), self.folder / "both"
        description = self.folder / "both.yaml"
        description.write_text(yaml.safe_dump(configuration.as_dict(small_one)), encoding="utf-8")
        arguments = ["train", str(description), "--work", str(work), "--pool", str(self.folder / "empty"), "--workers", "2"]
        done = subprocess.run([sys.executable, "-m", "deepscope_training", *arguments], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        steps = [train.read_checkpoint(folder / "checkpoint.pt", small_one)["step"] for folder in (work, work / "adversarial")]
        self.assertEqual(steps, [8, 8])

    def test_half_the_precision_learns_the_same(self):
        """bfloat16 has 8 bits of mantissa: after a few steps the weights differ by less than they have moved, and they are float32."""
        torch.manual_seed(self.config.seed)
        before = kinds.of(self.config).build(self.config).state_dict()
        whole, half = (self.train(p, steps=4, precision=p).state_dict() for p in ("float32", "bfloat16"))
        for name, value in whole.items():
            self.assertEqual(half[name].dtype, torch.float32)
        moved, apart = (sum(float((a[n] - whole[n]).square().sum()) for n in whole) for a in (before, half))
        self.assertGreater(apart, 0)
        self.assertLess(apart, 0.25 * moved)
        self.train("bfloat16", steps=6)  # and goes on so after an interruption
        self.assertEqual(train.read_checkpoint(self.folder / "bfloat16" / "checkpoint.pt", self.config)["precision"], "bfloat16")

    def test_damaged_checkpoint(self):
        self.train("damaged", steps=2)
        path = self.folder / "damaged" / "checkpoint.pt"
        path.write_bytes(path.read_bytes()[:1000])
        before = path.read_bytes()
        with self.assertRaisesRegex(TrainingError, "is damaged and cannot be read"):
            self.train("damaged")
        self.assertEqual(path.read_bytes(), before)

    def test_foreign_checkpoint(self):
        (self.folder / "foreign").mkdir()
        torch.save({"weights": 1}, self.folder / "foreign" / "checkpoint.pt")
        with self.assertRaisesRegex(TrainingError, "not a checkpoint of this program"):
            self.train("foreign")

    def test_other_network(self):
        self.train("other", steps=1)
        with self.assertRaisesRegex(TrainingError, "trained with another 'network'"):
            train.read_checkpoint(self.folder / "other" / "checkpoint.pt", configuration.load("widefield-sr"))

    def test_the_large_networks_differ_from_the_shipped_ones_in_size_only(self):
        for name in configuration.names():
            small_one, large = configuration.load(name), configuration.load(f"large/{name}")
            count = [sum(p.numel() for p in kinds.of(c).build(c).parameters()) for c in (small_one, large)]
            self.assertGreater(count[1], 4 * count[0], name)
            self.assertEqual(dataclasses.replace(large, name=name, network=small_one.network), small_one)

    def test_no_checkpoint(self):
        with self.assertRaisesRegex(TrainingError, "There is no checkpoint"):
            package.load_network(self.config, self.folder / "nowhere")

    def test_full_disk_keeps_the_old_checkpoint(self):
        self.train("full", steps=2)
        path = self.folder / "full" / "checkpoint.pt"
        before = path.read_bytes()
        with mock.patch("torch.save", side_effect=OSError(errno.ENOSPC, "No space left on device")):
            with self.assertRaisesRegex(TrainingError, "The disk is full"):
                self.train("full")
        self.assertEqual(path.read_bytes(), before)

    def test_damaged_field_is_named(self):
        pool.path_of(self.pool, 3).write_bytes(b"nothing")
        with self.assertRaisesRegex(TrainingError, "Field 000003.npz of the pool cannot be read"):
            pool.Pool(self.pool)[3]


class Command(unittest.TestCase):
    def test_evaluation_without_a_checkpoint_is_one_sentence(self):
        heard = io.StringIO()
        with contextlib.redirect_stderr(heard):
            code = command.main(["evaluate", "widefield-sr", "--work", str(small.scratch(self))])
        self.assertEqual(code, 1)
        self.assertRegex(heard.getvalue(), r"^There is no checkpoint .*; train the package first .*\.\n$")

    def test_timing_or_measuring_again_what_was_never_measured_is_one_sentence(self):
        for package, asked, wanted in (
            ("widefield-sr", "time", r"^There is no .*metrics.json; evaluate the package first\.\n$"),
            ("widefield-sr", "remeasure", r"^There is no .*metrics.json; evaluate the package first\.\n$"),
            ("localization", "remeasure", r"^The location network is measured with its checkpoint only: .*\.\n$"),
        ):
            heard = io.StringIO()
            with contextlib.redirect_stderr(heard):
                code = command.main([asked, package, "--out", str(small.scratch(self))])
            self.assertEqual(code, 1)
            self.assertRegex(heard.getvalue(), wanted)

    def test_without_pytorch(self):
        program = "import sys; sys.modules['torch'] = None; from deepscope_training.__main__ import main; sys.exit(main(['train', 'widefield-sr']))"
        done = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^PyTorch is not installed; on Debian: sudo apt install python3-torch")
        self.assertEqual(done.stderr.count("\n"), 1)


class Batches(unittest.TestCase):
    def test_fields_and_batches_repeat(self):
        config = small.config()
        first, again = (simulate.make(config, 5, {}) for _ in range(2))
        self.assertTrue((first["low"] == again["low"]).all() and (first["high"] == again["high"]).all())

    def test_a_share_of_thin_fields_is_off_focus_and_counts_as_the_configuration_says(self):
        config = small.config()
        thin = dataclasses.replace(config, data=dataclasses.replace(config.data, thin=1.0, off_focus=[1.0, 3.0], native=0.0, empty=0.0))
        name = str(simulate.make(thin, 5, {})["family"])
        self.assertTrue(name.startswith("off-focus "), name)
        weighted = dataclasses.replace(thin, data=dataclasses.replace(thin.data, emphasis={"thin beads": 6, "off-focus": 2.5}))
        self.assertEqual([batches.emphasis(weighted, f) for f in (name, "thin beads", "thin nuclei", "beads")], [2.5, 6, 1, 1])
        # The same specimen under a 20×/0.75: in focus it has more detail than off focus.
        sharp = dataclasses.replace(thin, data=dataclasses.replace(thin.data, off_focus=[1.0, 0.01]))
        detail = [np.abs(np.diff(simulate.make(c, 5, {})["high"].astype(float))).sum() for c in (sharp, thin)]
        self.assertGreater(detail[0], detail[1])

    def test_an_input_focused_apart_from_its_target_is_blurred_alone(self):
        """Of the same fields the target stays as it was, up to the scale and haze that both share, and the input of a thin one loses detail."""
        config = small.config()
        thin = dataclasses.replace(config.data, thin=1.0, off_focus=[0.0, 0.0], native=0.0, empty=0.0)
        apart, together = (dataclasses.replace(config, data=dataclasses.replace(thin, slip=share)) for share in ([1.0, 3.5], [0.0, 0.0]))
        slips = [abs(simulate.slip(apart, index)) for index in range(200)]
        self.assertTrue(1.5 < np.mean(slips) < 2.0 and max(slips) <= 3.5, "evenly up to 3.5 µm")
        pairs = [[simulate.make(c, index, {}) for c in (apart, together)] for index in np.argsort(slips[:16])[-6:]]
        for blurred, sharp in pairs:
            self.assertGreater(metrics.correlation(blurred["high"], sharp["high"]), 0.98)
        fine = [[(v := made["low"]) - ndimage.gaussian_filter(v, 1.0) for made in pair] for pair in pairs]
        shares = [[f.std() / made["low"].std() for f, made in zip(*of)] for of in zip(fine, pairs)]
        self.assertLess(np.mean([first / second for first, second in shares]), 0.9)

    def test_a_lens_that_spreads_light_further_blurs_the_input_alone(self):
        """Variances of a convolution add: of the light of one point, seen by a confocal (whose variance is finite), the second moment along x grows by σ²."""
        grid, point = Field(512, 0.01), torch.zeros(1, 512, 512)
        point[0, 256, 256] = 1
        lens = Confocal(1.4, 0.01, 1.518, 0.29, 1.0, 0.955)
        widths = []
        for seen_by in (lens, Blurred(lens, 0.08)):
            across = grid.see(point, [0.0], seen_by, 0.67, 0.0, 0.0).sum(0).double().numpy()
            x = (np.arange(512) + 0.5) * 0.01
            mean = (across * x).sum() / across.sum()
            widths.append((across * (x - mean) ** 2).sum() / across.sum())
        self.assertAlmostEqual(widths[1] - widths[0], 0.08**2, delta=0.05 * 0.08**2)
        config = small.config()
        made = [simulate.make(dataclasses.replace(config, data=dataclasses.replace(config.data, blur=[s, s], native=0.0, empty=0.0)), 5, {}) for s in (0.0, 0.3)]
        self.assertGreater(metrics.correlation(made[0]["high"], made[1]["high"]), 0.999, "the target as it was, up to the scale that both share")
        fine = [np.std(m["low"] - ndimage.gaussian_filter(m["low"], 1.0)) / np.std(m["low"]) for m in made]
        self.assertLess(fine[1], 0.9 * fine[0])
        drawn = [simulate.blur(dataclasses.replace(config, data=dataclasses.replace(config.data, blur=[0.02, 0.08])), index) for index in range(100)]
        self.assertTrue(0.02 <= min(drawn) < 0.03 and 0.07 < max(drawn) <= 0.08)

    def test_input_and_target_have_the_same_ground_and_brightness(self):
        config = small.config()
        low = torch.full((32, 32), 0.7)
        image, target = batches.photograph(low, torch.full((64, 64), 0.7), 0.5, config.camera, torch.Generator().manual_seed(3), photons=5000)
        self.assertAlmostEqual(float(image.mean() / target.mean()), 1, delta=0.01)

    def test_a_part_photographed_alone_shows_the_same_place_in_both_pictures_and_is_as_bright_as_a_field(self):
        low = torch.arange(64.0).repeat(64, 1) + 100 * torch.arange(64.0)[:, None]
        high = low.repeat_interleave(2, 0).repeat_interleave(2, 1)
        for seed in range(20):
            part, target = batches.alone(low, high, 2, 32, torch.Generator().manual_seed(seed))
            self.assertEqual((part.shape, target.shape), ((16, 16), (32, 32)))
            torch.testing.assert_close(target[::2, ::2], part)
            self.assertAlmostEqual(float(np.quantile(part.numpy(), 0.999)), 1, places=5)
        dark = torch.full((64, 64), 0.01)
        self.assertIs(batches.alone(dark, dark, 1, 32, torch.Generator())[0], dark, "where there is hardly any light")

    def test_what_lies_beyond_a_part_photographed_alone_does_not_dim_it(self):
        """A field of dots with a stripe five times as bright: parts beside the stripe are dim as parts of the field, and bright alone."""
        config = small.config()
        low = np.full((128, 128), 0.1, np.float32)
        low[4::8, 4::8] = 1.0
        low[:, 60:68] = 5.0
        field = {"low": low, "high": low, "native": True}
        spans = []
        for share in (0.0, 1.0):
            settings = dataclasses.replace(
                config,
                camera=dataclasses.replace(config.camera, alone=share, photons=[5000, 5000], background=[0.1, 0.1], hot_pixels=0.0),
                normalisation=dataclasses.replace(config.normalisation, jitter=0.0, offset_jitter=0.0),
            )
            pairs = [batches.example(settings, [field], 0, torch.Generator().manual_seed(seed), 32)[1] for seed in range(60)]
            spans.append(min(float(target.max() - target.min()) for target in pairs))
        self.assertLess(spans[0], 0.6)
        self.assertGreater(spans[1], 0.85)

    def test_a_patch_photographed_alone_shows_the_same_place_on_both_grids(self):
        """In bright light and without blur, a patch of a field on two grids is the same picture twice."""
        config = small.config()
        fine = ndimage.gaussian_filter(np.random.default_rng(5).random((128, 128)), 3, mode="wrap").astype(np.float32)
        fine -= fine.min()
        field = {"low": fine.reshape(64, 2, 64, 2).mean((1, 3)), "high": fine, "native": False}
        settings = dataclasses.replace(config, camera=dataclasses.replace(config.camera, alone=1.0, photons=[5000, 5000], background=[0.01, 0.01], hot_pixels=0.0))
        for seed in range(5):
            image, target = batches.example(settings, [field], 0, torch.Generator().manual_seed(seed), 32)
            self.assertGreater(metrics.correlation(image.numpy(), target.numpy()), 0.97)

    def test_fractions_beyond_all_and_nothing_are_refused(self):
        camera = configuration.load("widefield-sr").camera
        for change, said in (({"twelve_bit": 1.5}, "twelve_bit is a fraction"), ({"bleached": 2.0}, "bleached is a fraction"), ({"alone": 1.2}, "alone is a fraction"), ({"eight_bit": -0.1}, "eight_bit is a fraction"), ({"dim": 0.0}, "dim must be above 0")):
            with self.assertRaisesRegex(TrainingError, said):
                dataclasses.replace(camera, **change)

    def test_light_leaves_the_same_places_dimmer_in_both_pictures(self):
        """30-90 % are left within a disc, all of it outside, and a target on a grid twice as fine is bleached at the same places."""
        least, most = [], []
        for seed in range(40):
            share = camera.bleaching(torch.Generator().manual_seed(seed))
            coarse, fine = share((64, 64)), share((128, 128))
            least.append(float(fine.min()))
            most.append(float(fine.max()))
            torch.testing.assert_close(torch.nn.functional.avg_pool2d(fine[None], 2)[0], coarse, atol=0.01, rtol=0)
        self.assertTrue(0.3 <= min(least) < 0.45, min(least))
        self.assertTrue(0.99 < max(most) <= 1, max(most))
        full = small.config()
        settings = dataclasses.replace(full.camera, bleached=1.0, hot_pixels=0.0, eight_bit=0.0, twelve_bit=0.0, read_noise=[0.0, 0.0], offset=[0.0, 0.0], gain=[1.0, 1.0])
        image, target = camera.photograph(torch.ones(64, 64), torch.ones(64, 64), settings, torch.Generator().manual_seed(3), photons=6e4, background=0.0)
        self.assertLess(float(target.min() / target.max()), 0.8)
        torch.testing.assert_close(image, target, rtol=0.04, atol=0)

    def test_twelve_bits_hold_the_brightest_place(self):
        """A 12-bit camera says no more than 4095, and its gain is chosen so that the peak of 5,000 photons fits."""
        full = configuration.load("widefield-sr")
        settings = dataclasses.replace(full.camera, twelve_bit=1.0, hot_pixels=1.0, eight_bit=0.0)
        flat = torch.full((64, 64), 1.0)
        image, target = batches.photograph(flat, flat, 1, settings, torch.Generator().manual_seed(1), photons=5000, background=0.0)
        self.assertLessEqual(float(image.max()), 4095)
        self.assertGreater(float(image.mean()), 3500)
        self.assertAlmostEqual(float(image.mean() / target.mean()), 1, delta=0.02)


if __name__ == "__main__":
    unittest.main()
