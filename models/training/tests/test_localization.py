"""Protein location: simulated cells, the two-path network, its calibration, figures, and the loaders of public sets."""

import dataclasses
import json
import math
import unittest

import numpy as np
import torch
from skimage import io

from deepscope_training import __main__ as command, config as configuration, kinds, pool, train
from deepscope_training.errors import TrainingError
from deepscope_training.localization import baseline, batches, calibrate, crossvalidate, judged, organelles, photographs, scores, second, sets, simulate
from deepscope_training.localization.networks import Network

from . import small

KIND = kinds.named("localization")


def tiny(**training):
    """The shipped configuration with fields of 64² pixels and a network of 4 to 8 channels."""
    full = configuration.load("localization")
    steps = {"batch": 4, "patch": 48, "steps": 6, "validation_fields": 4, "checkpoint_every": 3, "validate_every": 3, "warm_up": 2, **training}
    return dataclasses.replace(
        full,
        data=dataclasses.replace(full.data, field=64, fields=16, least=12, depth=[0.3, 0.6]),
        network=dataclasses.replace(full.network, widths=[4, 4, 4, 8, 8], direct=4),
        training=dataclasses.replace(full.training, **steps),
        evaluation=dataclasses.replace(full.evaluation, fields=2, side=64),
    )


def network(config):
    torch.manual_seed(0)
    made = KIND.build(config)
    made.scale.running_mean.uniform_(-1, 1)
    made.scale.running_var.uniform_(0.5, 2)
    return made.eval()


class Cells(unittest.TestCase):
    def test_field_is_the_same_for_a_seed_and_an_index(self):
        config = tiny()
        first, again, other = (KIND.maker(config)(i) for i in (3, 3, 4))
        self.assertTrue(np.array_equal(first["image"], again["image"]))
        self.assertFalse(np.array_equal(first["image"], other["image"]))

    def test_brightest_places_of_every_class_are_one(self):
        for index, family in enumerate(organelles.NAMES):
            made = simulate.picture(tiny(), index, family)
            self.assertEqual(made["label"], organelles.NAMES.index(family))
            self.assertAlmostEqual(float(np.quantile(made["image"].astype(float), 0.999)), 1, delta=0.01)

    def test_oddities_are_none_of_the_nine(self):
        for family in ("cytosol", "fractal", "envelope"):
            self.assertEqual(simulate.picture(tiny(), 1, family)["label"], simulate.UNKNOWN)

    def test_nuclear_protein_lies_in_the_nucleus_and_mitochondria_do_not(self):
        """A quarter of each cell's light or less may leave its compartment."""
        from deepscope_training.localization.cell import Cell
        from deepscope_training.scene import Scene

        for family, within in (("nucleus", True), ("mitochondria", False)):
            scene = Scene(256, 0.12, 0.0)
            cell = Cell(np.random.default_rng(5), scene, 15.4, 15.4, 12.0)
            organelles.CLASSES[family](np.random.default_rng(6), cell)
            seen, core = scene.planes.sum(0), cell.fine(cell.core) > 0.5
            share = float(seen[core].sum() / seen.sum())
            self.assertTrue(share > 0.75 if within else share < 0.25, f"{family}: {share:.2f} in the nucleus")

    def test_judged_cells_share_no_code_with_the_training_ones(self):
        """Neither simulator imports the other, nor what the other draws with."""
        trained, judging = {"organelles", "cell", "simulate", "specimens"}, {"judged", "second", "strokes", "photographs"}
        source = simulate.__file__.rsplit("/", 1)[0]
        for names, forbidden in ((("organelles", "cell", "simulate", "batches"), judging), (("judged", "strokes"), trained), (("second",), trained | {"judged"})):
            for name in names:
                with open(f"{source}/{name}.py", encoding="utf-8") as stream:
                    imports = [line for line in stream if line.startswith(("import", "from"))]
                for other in forbidden - {name}:
                    self.assertFalse([line for line in imports if other in line.replace(",", " ").split()], f"{name} imports {other}")

    def test_judged_cells_and_strangers_are_drawn(self):
        config = tiny()
        for drawing, places in ((judged, {**judged.CLASSES, **judged.STRANGERS, **judged.FARTHER}), (second, second.CLASSES)):
            for name, place in places.items():
                image = photographs.expectation(config, drawing, place, name, 0, 0.4)
                self.assertEqual(tuple(image.shape), (64, 64))
                self.assertGreater(float(image.std()), 0.01, name)
        self.assertEqual(tuple(second.CLASSES), organelles.NAMES)


class Batches(unittest.TestCase):
    def setUp(self):
        self.config = tiny()
        self.fields = [KIND.maker(self.config)(i) for i in range(10)]

    def test_a_part_that_had_been_lit_before_is_dimmer(self):
        """Of even light 10-70 % are gone in some places of most photographs where all are bleached, and nothing is where none is."""
        settings = {"hot_pixels": 0.0, "eight_bit": 0.0, "twelve_bit": 0.0, "saturated": 0.0, "read_noise": [0.0, 0.0], "offset": [0.0, 0.0], "gain": [1.0, 1.0]}
        even = torch.ones(20, 64, 64)
        darkest = []
        for share in (0.0, 1.0):
            camera = dataclasses.replace(self.config.camera, bleached=share, **settings)
            shots = batches.photograph(even, camera, torch.Generator().manual_seed(3), photons=6e4, background=0.0)
            darkest.append(shots.amin((1, 2)) / 6e4)
        self.assertGreater(float(darkest[0].min()), 0.95)
        self.assertGreaterEqual(float(darkest[1].min()), 0.28)
        self.assertGreater(int((darkest[1] < 0.9).sum()), 10)

    def test_batch_depends_on_its_number_only(self):
        first, again, other = (KIND.batch(self.config, self.fields, 0, 10, n) for n in (7, 7, 8))
        self.assertTrue(torch.equal(first[0], again[0]) and torch.equal(first[1], again[1]))
        self.assertFalse(torch.equal(first[0], other[0]))

    def test_members_share_a_batch(self):
        _, whole = KIND.batch(self.config, self.fields, 0, 10, 7)
        _, odd = KIND.batch(self.config, self.fields, 0, 10, 7, rank=1, size=2)
        self.assertEqual(whole[1::2].tolist(), odd.tolist())

    def test_crop_without_zoom_only_moves_turns_and_mirrors(self):
        """A patch of a picture of distinct numbers holds numbers of it that are neighbours in it."""
        picture = torch.arange(64.0 * 64).reshape(1, 64, 64)
        patch = batches.crop(picture, 64, None, torch.Generator().manual_seed(2))[0]
        self.assertTrue(torch.allclose(patch.flatten().sort().values, picture.flatten(), atol=0.01))

    def test_normalise_is_scale_range(self):
        image = torch.rand(2, 40, 40) * 500 + 100
        for made, raw in zip(batches.normalise(image, [1.0, 99.9]), image):
            low, high = np.percentile(raw.numpy(), (1.0, 99.9))
            self.assertTrue(np.allclose(made.numpy(), (raw.numpy() - low) / (high - low + 1e-6), atol=1e-4))


class TwoPaths(unittest.TestCase):
    def test_activation_maps_average_to_the_logits(self):
        config = tiny()
        made = network(config)
        module = calibrate.Calibrated(made, 2.0, "energy", torch.zeros(9, 20), torch.eye(20)).eval()
        x = torch.randn(2, 1, 64, 96)
        with torch.no_grad():
            turned = [flipped for seen in (x, x.transpose(2, 3)) for flipped in (seen, seen.flip(2), seen.flip(3), seen.flip(2, 3))]
            logits, embedding = (sum(each) / 8 for each in zip(*map(made, turned)))
            probabilities, shown, maps, novelty = module(x)
        self.assertEqual(tuple(maps.shape), (2, 9, 4, 6))
        self.assertTrue(torch.allclose(maps.mean((2, 3)), logits, atol=1e-4))
        self.assertTrue(torch.allclose(shown, embedding, atol=1e-4))
        self.assertTrue(torch.allclose(probabilities, torch.softmax(logits / 2, 1), atol=1e-5))
        self.assertTrue(torch.allclose(novelty[:, 0], -torch.logsumexp(logits, 1), atol=1e-5))

    def test_which_way_the_camera_was_mounted_does_not_matter(self):
        module = calibrate.Calibrated(network(tiny()), 2.0, "energy", torch.zeros(9, 20), torch.eye(20)).eval()
        x = torch.randn(1, 1, 64, 96)
        with torch.no_grad():
            straight = module(x)
            for turn, back in ((lambda v: v.flip(2), lambda v: v.flip(2)), (lambda v: v.transpose(2, 3).flip(3), lambda v: v.flip(3).transpose(2, 3))):
                for one, other in zip(straight, module(turn(x))):
                    torch.testing.assert_close(back(other) if other.dim() == 4 else other, one, rtol=1e-4, atol=1e-4)

    def test_paths_see_each_other(self):
        """What one path finds in the first stage reaches the other: the plain path's last maps change when the residual path's first convolution does."""
        made = network(tiny())
        x, plain = torch.randn(1, 1, 64, 64), slice(8, 16)
        with torch.no_grad():
            before = made.features(x)[:, plain]
            made.residual[0][0].weight.mul_(-1)
            self.assertFalse(torch.allclose(before, made.features(x)[:, plain]))

    def test_any_size_that_is_a_multiple_of_sixteen(self):
        made = network(tiny())
        for size in ((64, 64), (112, 160)):
            self.assertEqual(tuple(made.features(torch.zeros(1, 1, *size)).shape), (1, 20, size[0] // 16, size[1] // 16))

    def test_uniform_answer_is_the_best_for_what_is_none_of_the_nine(self):
        """For oddities alone the loss is the cross-entropy with the uniform distribution: ln 9 at its least."""

        class Fixed(torch.nn.Module):
            def forward(self, x):
                return x[:, :, 0, 0], None

        config = tiny()
        even, sure = torch.zeros(3, 9, 1, 1), torch.zeros(3, 9, 1, 1)
        sure[:, 0] = 5
        losses = [KIND.loss(config, Fixed(), (x, torch.full((3,), -1)))[1] for x in (even, sure)]
        self.assertAlmostEqual(losses[0]["uniform"], math.log(9), places=5)
        self.assertGreater(losses[1]["uniform"], math.log(9))
        self.assertEqual(losses[0]["error"], 0)

    def test_training_resumes_where_it_stopped(self):
        config, folder = tiny(), small.scratch(self)
        pool.fill(config, folder / "pool", report=small.silent)

        def go(name, **options):
            return train.run(config, folder / name, folder / "pool", grow=False, report=small.silent, **options).state_dict()

        whole = go("whole")
        go("parts", steps=2)
        parts = go("parts")
        for name, value in whole.items():
            self.assertTrue(torch.equal(value, parts[name]), name)

    def test_calibration_is_asked_for_before_the_network_is_judged(self):
        config, folder = tiny(), small.scratch(self)
        pool.fill(config, folder / "pool", report=small.silent)
        train.run(config, folder, folder / "pool", steps=1, grow=False, report=small.silent)
        with self.assertRaisesRegex(TrainingError, "package the network first .export localization."):
            calibrate.load(config, folder)

    def test_a_calibration_of_another_way_of_asking_is_refused(self):
        config, folder = tiny(), small.scratch(self)
        pool.fill(config, folder / "pool", report=small.silent)
        train.run(config, folder, folder / "pool", steps=1, grow=False, report=small.silent)
        fitted = {"step": 1, "temperature": 1.0, "score": "energy", "means": torch.zeros(9, 20), "whitening": torch.eye(20), "limit": 0.0}
        for ways, refused in ((1, True), (None, True), (8, False)):
            torch.save({**fitted, **({"ways": ways} if ways else {})}, folder / calibrate.FILE)
            if refused:
                with self.assertRaisesRegex(TrainingError, "another way of asking"):
                    calibrate.load(config, folder)
            else:
                self.assertFalse(calibrate.load(config, folder)[0].training)


class Calibration(unittest.TestCase):
    def test_temperature_is_found(self):
        """Labels drawn from softmax(logits / 2.5): maximum likelihood gives 2.5 back."""
        generator = torch.Generator().manual_seed(3)
        logits = torch.randn(20000, 5, generator=generator) * 4
        labels = torch.multinomial(torch.softmax(logits / 2.5, 1), 1, generator=generator)[:, 0]
        self.assertAlmostEqual(calibrate.fit_temperature(logits, labels), 2.5, delta=0.1)

    def test_mahalanobis_distance_is_in_deviations(self):
        """Two classes of deviation 1 and 3 along the axes: a point 3 above a mean along the second is one deviation away."""
        generator = torch.Generator().manual_seed(4)
        labels = torch.arange(20000) % 2
        means = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
        points = means[labels] + torch.randn(20000, 2, generator=generator) * torch.tensor([1.0, 3.0])
        found, whitening = calibrate.fit_gaussians(points, labels, 2)
        self.assertTrue(torch.allclose(found, means, atol=0.1))
        away = (torch.tensor([10.0, 3.0]) - found[1]) @ whitening
        self.assertAlmostEqual(float((away**2).sum()), 1 / (1 + calibrate.SHRINKAGE * 5 / 9), delta=0.05)


class Figures(unittest.TestCase):
    def test_wilson_interval(self):
        """8 of 10: 0.4902 to 0.9433 (worked by hand from Wilson 1927; R's prop.test without correction)."""
        low, high = scores.wilson(8, 10)
        self.assertAlmostEqual(low, 0.4902, places=4)
        self.assertAlmostEqual(high, 0.9433, places=4)

    def test_area_under_the_curve(self):
        self.assertEqual(scores.auroc(np.array([2.0, 3]), np.array([0.0, 1])), 1)
        self.assertEqual(scores.auroc(np.array([1.0, 1]), np.array([1.0, 1])), 0.5)
        self.assertAlmostEqual(scores.auroc(np.array([1.0, 3, 4]), np.array([0.0, 2])), 5 / 6)

    def test_confusion_and_classes(self):
        table = scores.confusion([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], 2)
        self.assertEqual(table.tolist(), [[1, 1], [1, 2]])
        row = scores.per_class(table, ("a", "b"))[1]
        self.assertAlmostEqual(row["recall"], 2 / 3)
        self.assertAlmostEqual(row["precision"], 2 / 3)

    def test_calibration_error(self):
        """Half sure of everything and always right: off by a half."""
        _, error = scores.reliability(np.full(8, 0.5), np.ones(8))
        self.assertAlmostEqual(error, 0.5)

    def test_histogram_baseline_tells_brightness_only(self):
        """It separates dim from bright pictures, and cannot separate a picture from the same pixels in another order."""
        generator = torch.Generator().manual_seed(5)
        dim, bright = torch.rand(40, 1, 16, 16, generator=generator) ** 3, torch.rand(40, 1, 16, 16, generator=generator)
        labels = torch.arange(80) // 40
        model = baseline.Histogram.fit(torch.cat([dim, bright]), labels, 2)
        self.assertEqual(model.answers(torch.cat([dim, bright])).tolist(), labels.tolist())
        order = torch.randperm(256, generator=generator)
        shuffled = bright.flatten(2)[..., order].reshape(40, 1, 16, 16)
        self.assertTrue(torch.allclose(baseline.histograms(shuffled), baseline.histograms(bright)))


class PublicSets(unittest.TestCase):
    """Made images of the published sizes, in the published layouts."""

    def setUp(self):
        self.folder = small.scratch(self) / "set"
        self.rng = np.random.default_rng(0)

    def put(self, name, shape, bright=0):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = self.rng.integers(0, 100, shape).astype(np.uint8)
        image[..., : shape[1] // 2, :] += bright if len(shape) == 3 else np.uint8(0)
        if path.suffix == ".tif":
            import tifffile

            tifffile.imwrite(str(path), image)
        else:
            io.imsave(str(path), image, check_contrast=False)

    def refused(self, layout, least=2):
        with self.assertRaises(TrainingError) as caught:
            sets.listing(self.folder, layout, least)
        return str(caught.exception)

    def test_hela(self):
        for name in sets.HELA:
            for index in range(2):
                self.put(f"{name}/r06_{index}.tif", (382, 382))
        found = sets.listing(self.folder, "hela", 2)
        self.assertEqual((len(found.paths), len(found.names)), (20, 10))
        image = sets.read(found.paths[0])
        self.assertEqual((image.shape, sets.grid_side(image)), ((382, 382), 256))

    def test_cho_keeps_its_proportions(self):
        for name in sets.CHO:
            for index in range(2):
                self.put(f"{name}/image{index}.tif", (382, 512))
        found = sets.listing(self.folder, "cho", 2)
        self.assertEqual(found.names, list(sets.CHO))
        self.assertEqual(sets.fit(sets.read(found.paths[0]), 256).shape, (256, 256))

    def test_locate_takes_the_protein_only(self):
        for layout, names in (("locate-endogenous", sets.LOCATE), ("locate-transfected", ("Cytoplasm", *sets.LOCATE))):
            for name in names:
                for index in range(2):
                    self.put(f"{name}/{index}_myc.tif", (512, 768))
                    self.put(f"{name}/{index}_dapi.tif", (512, 768))
            found = sets.listing(self.folder, layout, 2)
            self.assertEqual((len(found.paths), len(found.names)), (2 * len(names), len(names)))
            image = sets.read(found.paths[0])
            self.assertEqual((image.shape, sets.grid_side(image)), ((512, 768), 256))

    def test_yeast_follows_its_lists(self):
        self.folder.mkdir()
        (self.folder / sets.YEAST_NAMES).write_text("label;label_idx\ncell periphery;0\ncytoplasm;1\n", encoding="utf-8")
        for split, count in zip(sets.YEAST_SPLITS, (4, 2, 2)):
            lines = []
            for index in range(count):
                name = f"plate01/{split[5:8]}{index}.png"
                self.put(name, (64, 64, 3))
                lines.append(f"{name} {index % 2}")
            (self.folder / split).write_text("\n".join(lines) + "\n", encoding="utf-8")
        found = sets.listing(self.folder, "yeast", 2)
        self.assertEqual(found.names, ["cell periphery", "cytoplasm"])
        self.assertEqual(found.test, [False] * 6 + [True] * 2)
        stored = io.imread(str(found.paths[0]))
        self.assertTrue(np.array_equal(sets.read(found.paths[0]), stored[..., 1]))
        (self.folder / sets.YEAST_SPLITS[0]).write_text("../../secret.png 0\n", encoding="utf-8")
        self.assertIn("Line 1 of", self.refused("yeast"))

    def test_missing_folder(self):
        self.assertIn("There is no folder", self.refused("folders"))

    def test_missing_class_is_named(self):
        self.put("giantin/a.tif", (64, 64))
        self.assertIn("lacks the folders hoechst, lamp2, nop4, tubulin", self.refused("cho"))

    def test_empty_class_is_named(self):
        self.put("a/1.png", (64, 64))
        (self.folder / "b").mkdir()
        self.assertIn("set/b holds no image", self.refused("folders"))

    def test_one_class(self):
        self.put("a/1.png", (64, 64))
        self.assertIn("one class only (a)", self.refused("folders"))

    def test_too_few_for_the_folds(self):
        for name in ("a/1.png", "a/2.png", "b/1.png"):
            self.put(name, (64, 64))
        self.assertIn("b (1)", self.refused("folders"))

    def test_unreadable_image_is_named(self):
        self.put("a/1.png", (64, 64))
        (self.folder / "a" / "1.png").write_bytes(b"not an image")
        with self.assertRaisesRegex(TrainingError, "a/1.png cannot be read as an image"):
            sets.read(self.folder / "a" / "1.png")

    def test_parts_are_even_within_every_class(self):
        labels = [0] * 30 + [1] * 50 + [2] * 7
        part = crossvalidate.parts_of(labels, 10, 1)
        for label, count in ((0, 30), (1, 50), (2, 7)):
            sizes = np.bincount(part[np.array(labels) == label], minlength=10)
            self.assertEqual(sizes.sum(), count)
            self.assertLessEqual(sizes.max() - sizes.min(), 1)
        self.assertLessEqual(np.ptp(np.bincount(part)), 3)

    def test_crossvalidation_is_resumed_and_tells_stripes_from_discs(self):
        """Two kinds of picture that any network tells apart, in two parts; the second run makes nothing anew, another setting is refused."""
        yy, xx = np.mgrid[:64, :64]
        for index in range(8):
            for name, pattern in (("stripes", np.sin(xx * 0.8 + index) > 0), ("disc", np.hypot(yy - 32, xx - 32 + index) < 14)):
                path = self.folder / name / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                io.imsave(str(path), (pattern * 200 + self.rng.integers(0, 40, (64, 64))).astype(np.uint8), check_contrast=False)
        settings = self.folder.parent / "tiny.yaml"
        import yaml

        values = configuration.as_dict(tiny(batch=8))
        settings.write_text(yaml.safe_dump(values), encoding="utf-8")
        given = ["crossvalidate", str(self.folder), "--folds", "2", "--steps", "80", "--config", str(settings)]
        options = crossvalidate.parse(given[1:])
        result = crossvalidate.run(options, report=small.silent)
        self.assertGreaterEqual(result["accuracy"]["accuracy"], 0.9)
        said = []
        self.assertEqual(crossvalidate.run(options, report=said.append)["accuracy"], result["accuracy"])
        self.assertIn("fold 1: there already", said)
        out = self.folder.with_name("set-crossvalidation")
        self.assertEqual(json.loads((out / "results.json").read_text(encoding="utf-8"))["confusion"], result["confusion"])
        with self.assertRaisesRegex(TrainingError, "belongs to other images or other settings"):
            crossvalidate.run(crossvalidate.parse([*given[1:5], "81", *given[6:]]), report=small.silent)


class CommandLine(unittest.TestCase):
    def test_what_is_wrong_with_a_folder_is_one_sentence(self):
        import contextlib
        import io as streams

        said = streams.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(command.main(["crossvalidate", str(small.scratch(self) / "nowhere")]), 1)
        self.assertRegex(said.getvalue(), r"^There is no folder .*nowhere\.\n$")


if __name__ == "__main__":
    unittest.main()
