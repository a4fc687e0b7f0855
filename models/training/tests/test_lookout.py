"""The lookout: what it is shown, what it is taught, and what the application gets."""

import base64
import json
import unittest

import numpy as np
import torch

from deepscope_training.errors import TrainingError
from deepscope_training.superres import lessons, lookout, oddities, teach

from . import small


def lessons_of(seed=0):
    """Lessons on four smooth fields, with a few drawings."""
    rng = np.random.default_rng(1)
    low = np.stack([np.outer(np.hanning(128), np.hanning(128)).astype(np.float32)] * 4)
    figures = np.stack([oddities.figure(rng, 0.65) for _ in range(4)])
    patterns = np.stack([oddities.pattern(rng, 0.65) for _ in range(2)])
    return lessons.Lessons(low, figures, patterns, 0.65, small.config().camera, seed)


class Shown(unittest.TestCase):
    def test_every_figure_lies_in_its_stamp(self):
        for draw in oddities.FIGURES:
            for line in draw(np.random.default_rng(2), 4.0):
                self.assertLessEqual(np.abs(line).max(), 1.001, draw.__name__)

    def test_dots_are_far_enough_apart_to_be_told_from_a_disc(self):
        """Rayleigh's distance of a 10×/0.4 at 525 nm is 0.8 µm, on pixels of 0.65 µm."""
        rng = np.random.default_rng(5)
        for radius in (3.0, 5.0, 7.0):
            for _ in range(20):
                places = np.array([line[0] for line in oddities.dots(rng, radius)]) * radius
                apart = np.hypot(*(places[:, None] - places[None]).T) + 9 * np.eye(len(places))
                self.assertGreaterEqual(apart.min(), 1.0)

    def test_a_traced_line_has_its_length_everywhere_alike(self):
        density = oddities.trace([np.array([[2.0, 5.0], [22.0, 5.0]])], 32, 1)
        self.assertAlmostEqual(density.sum(), 20, places=6)
        np.testing.assert_allclose(density[5, 4:20], 1, atol=1e-9)

    def test_the_targets_say_what_was_done(self):
        found = {kind: lessons_of().example(kind) for kind in ("plain", "figures", "pattern", "blurred")}
        odd = {kind: target[0] for kind, (_, target) in found.items()}
        self.assertEqual(np.nansum(odd["plain"]), 0)
        self.assertTrue((odd["pattern"] == 1).all())
        self.assertTrue(np.isnan(odd["blurred"]).all())
        self.assertTrue((found["blurred"][1][1] == 1).all())
        self.assertTrue((found["plain"][1][1] == 0).all())

    def test_the_same_seed_gives_the_same_lesson(self):
        first, second = (lessons_of(5).batch(8)[0] for _ in range(2))
        torch.testing.assert_close(first, second)


class Taught(unittest.TestCase):
    def test_folding_changes_nothing(self):
        torch.manual_seed(0)
        network = lookout.Lookout()
        inputs = torch.rand(3, 2, 64, 72)
        network.train()(inputs)  # moves the running means
        network.eval()
        with torch.no_grad():
            torch.testing.assert_close(network.fold()(inputs), network(inputs), rtol=1e-4, atol=1e-5)

    def test_teaching_goes_on_where_it_ended(self):
        path = small.scratch(self) / "lookout.pt"
        said = []
        teach.learn(small.config(), lessons_of(), path, 2, said.append)
        self.assertEqual(torch.load(path)["step"], 2)
        teach.learn(small.config(), lessons_of(), path, 3, said.append)
        self.assertEqual(torch.load(path)["step"], 3)
        self.assertEqual(len(said), 2)

    def test_teaching_may_begin_with_the_lookout_of_a_package(self):
        """What was folded and written is read again, and a step from there changes it a little, not altogether."""
        folder = small.scratch(self)
        torch.manual_seed(3)
        shipped = lookout.Lookout().eval().fold()
        (folder / "lookout.json").write_text(json.dumps(lookout.as_json(shipped, 0.65)), encoding="utf-8")
        inputs = torch.rand(1, 2, 64, 64)
        for precision in (None, "bfloat16"):
            path = folder / f"{precision}.pt"
            learned = teach.learn(small.config(), lessons_of(), path, 1, small.silent, folder, precision).fold()
            again = teach.learn(small.config(), lessons_of(), path, 1, small.silent).fold()
            with torch.no_grad():
                before, after = shipped(inputs), learned(inputs)
                torch.testing.assert_close(again(inputs), after)
            self.assertGreater(float((after - before).abs().max()), 0)
            self.assertLess(float((after - before).abs().max()), 0.2)

    def test_a_wider_lookout_says_the_same_until_it_has_learned_more(self):
        folder = small.scratch(self)
        torch.manual_seed(4)
        shipped = lookout.Lookout().eval().fold()
        wide = shipped.wider(4)
        self.assertEqual(wide.widths, tuple(width + 4 for width in shipped.widths))
        inputs = torch.rand(1, 2, 64, 64)
        with torch.no_grad():
            torch.testing.assert_close(wide(inputs), shipped(inputs))
        (folder / "lookout.json").write_text(json.dumps(lookout.as_json(shipped, 0.65)), encoding="utf-8")
        path = folder / "wide.pt"
        teach.learn(small.config(), lessons_of(), path, 3, small.silent, folder, wider=4)
        learned = teach.learn(small.config(), lessons_of(), path, 3, small.silent)  # its width is known from the checkpoint
        self.assertEqual(learned.widths, wide.widths)
        head = learned.head.weight[:, shipped.widths[-1] :]
        self.assertGreater(float(head.abs().max()), 0)  # the new channels are listened to
        (folder / "lookout.json").write_text(json.dumps(lookout.as_json(learned, 0.65)), encoding="utf-8")
        with torch.no_grad():
            torch.testing.assert_close(lookout.read(folder / "lookout.json")(inputs), learned(inputs))

    def test_a_lookout_of_nothing_cannot_be_made_wider(self):
        for wider in (4, -4):
            with self.assertRaisesRegex(TrainingError, "--initial"):
                teach.learn(small.config(), lessons_of(), small.scratch(self) / "new.pt", 1, small.silent, wider=wider)

    def test_a_lookout_of_other_pixels_teaches_nothing(self):
        folder = small.scratch(self)
        (folder / "lookout.json").write_text(json.dumps(lookout.as_json(lookout.Lookout().fold(), 0.3)), encoding="utf-8")
        for way in ({"initial": folder}, {"blur": folder}):
            with self.assertRaisesRegex(TrainingError, r"pixels of 0\.3 µm.*pixels of 0\.65 µm"):
                teach.learn(small.config(), lessons_of(), folder / "new.pt", 1, small.silent, **way)
        self.assertFalse((folder / "new.pt").exists())

    def test_with_a_teacher_the_blur_is_what_the_teacher_says(self):
        """What was done to the picture does not count then, and the odd places count as before."""
        logits, targets = torch.zeros(2, 2, 4, 4), torch.zeros(2, 2, 4, 4)
        targets[0, 0] = 1
        teacher = torch.full((2, 2, 4, 4), 3.0)
        before = lessons.loss_of(logits, targets, teacher)
        targets[:, 1] = 1
        torch.testing.assert_close(lessons.loss_of(logits, targets, teacher), before)
        logits[:, 1] = 3
        torch.testing.assert_close(before - lessons.loss_of(logits, targets, teacher), torch.tensor(3 * lessons.BLUR))
        logits[:, 0] = torch.where(targets[:, 0] == 1, 9.0, -9.0)
        self.assertLess(float(lessons.loss_of(logits, targets, teacher)), 1e-3)

    def test_places_at_the_edge_make_no_picture_odd(self):
        """Neither where a picture is scored nor where it is said what it should have scored."""
        logits = torch.full((1, 2, 6, 6), -3.0)
        for ring in (np.s_[..., 0, :], np.s_[..., -1, :], np.s_[..., :, 0], np.s_[..., :, -1]):
            logits[ring] = 5.0
        self.assertEqual(float(lookout.score(logits)[0]), -3.0)
        targets = torch.zeros(1, 2, 6, 6)
        targets[0, 0, 0, :] = 1
        low, high = torch.full((1, 2, 6, 6), -3.0), torch.full((1, 2, 6, 6), -3.0)
        low[0, 0, 0, :] = high[0, 0, 0, :] = 5.0
        high[0, 0, 2:4, 2:4] = 5.0  # to call the middle odd costs
        self.assertLess(float(lessons.loss_of(low, targets)), float(lessons.loss_of(high, targets)))
        logits[0, 0, 2:4, 2:4] = 7.0
        self.assertEqual(float(lookout.score(logits)[0]), 7.0)

    def test_a_lookout_goes_on_only_as_it_was_begun(self):
        folder = small.scratch(self)
        shipped = lookout.Lookout(folded=True)
        (folder / "lookout.json").write_text(json.dumps(lookout.as_json(shipped, 0.65)), encoding="utf-8")
        path = folder / "wide.pt"
        teach.learn(small.config(), lessons_of(), path, 1, small.silent, folder, wider=2, blur=folder)
        for change, said in (({"wider": 3, "blur": folder}, "--wider 2"), ({"wider": 2}, "with --blur")):
            with self.assertRaisesRegex(TrainingError, said):
                teach.learn(small.config(), lessons_of(), path, 2, small.silent, folder, **change)
        teach.learn(small.config(), lessons_of(), path, 2, small.silent, folder, wider=2, blur=folder)

    def test_a_package_without_a_lookout_ends_with_a_sentence(self):
        folder = small.scratch(self)
        for content in (None, "{}"):
            if content:
                (folder / "lookout.json").write_text(content, encoding="utf-8")
            with self.assertRaisesRegex(TrainingError, "holds no lookout of this design"):
                teach.learn(small.config(), lessons_of(), folder / "new.pt", 1, small.silent, folder)

    def test_a_damaged_or_foreign_file_ends_with_a_sentence(self):
        folder = small.scratch(self)
        for name, content, said in (("a.pt", b"nothing", "is damaged"), ("b.pt", {"weights": 1}, "is not a lookout")):
            path = folder / name
            path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
            before = path.read_bytes()
            with self.assertRaisesRegex(TrainingError, said):
                teach.learn(small.config(), lessons_of(), path, 2, small.silent)
            self.assertEqual(path.read_bytes(), before)

    def test_the_loss_asks_only_where_a_target_is(self):
        logits, targets = torch.zeros(2, 2, 4, 4), torch.zeros(2, 2, 4, 4)
        targets[0, 0], targets[1, 1] = 1, 1
        targets[1, 0] = np.nan
        before = lessons.loss_of(logits, targets)
        logits[1, 0] = 50.0  # not asked
        torch.testing.assert_close(lessons.loss_of(logits, targets), before)

    def test_the_application_gets_the_weights_as_they_are(self):
        network = lookout.Lookout(folded=True)
        first = lookout.as_json(network, 0.65)["layers"][0]
        values = np.frombuffer(base64.b64decode(first["weights"]), "<f4")
        np.testing.assert_array_equal(values, network.layers[0].weight.detach().numpy().ravel())
        self.assertEqual((first["inputs"], first["outputs"], first["stride"]), (8, lookout.WIDTHS[0], lookout.STRIDES[0]))


if __name__ == "__main__":
    unittest.main()
