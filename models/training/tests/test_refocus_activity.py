"""Activity of neurons in depth: what is filmed, how it is read, and what is said of it."""

import unittest

import numpy as np
import torch

from deepscope_training import config as configuration
from deepscope_training.refocus import activity

CONFIG = configuration.load("deep-z")


class Activity(unittest.TestCase):
    def test_calcium_rises_at_once_and_decays(self):
        traces = activity.transients(np.random.default_rng(0), 300, 126)
        self.assertEqual(traces.shape, (300, 126))
        self.assertGreaterEqual(traces.min(), 1)
        silent = (traces == 1).all(1)
        self.assertAlmostEqual(float(silent.mean()), 1 / 3, delta=0.1)
        change = np.diff(traces, axis=1)
        self.assertGreater(change.max(), 0.5)  # a rise within one frame
        self.assertGreater(change.min(), -3 * 4 * (1 - np.exp(-1 / (activity.RATE * 2))))  # never faster down than four transients of 3 decaying in 2 s

    def test_nuclei_lie_in_the_picture_within_reach_and_apart(self):
        centres, radii = activity.head(CONFIG, np.random.default_rng(1))
        self.assertEqual(len(radii), activity.NUCLEI)
        side = CONFIG.evaluation.field * CONFIG.optics.pixel
        self.assertTrue(((centres[:, :2] > 0) & (centres[:, :2] < side)).all())
        self.assertLessEqual(np.abs(centres[:, 2]).max(), activity.REACH)
        gap = np.linalg.norm(centres[:, None] - centres[None], axis=2) - radii[:, None] - radii[None] + 99 * np.eye(len(radii))
        self.assertGreater(gap.min(), 0)

    def test_a_nucleus_is_seen_where_it_is(self):
        pixel = CONFIG.optics.pixel
        seen = activity.views(CONFIG, np.array([[20.0, 26.0, 3.0]]), np.array([1.5]), [0.0, 3.0])[0]
        rows, columns = np.mgrid[: seen.shape[1], : seen.shape[2]]
        light = seen[1].numpy() / float(seen[1].sum())
        self.assertAlmostEqual(float((light * (columns + 0.5)).sum() * pixel), 20.0, delta=0.3)
        self.assertAlmostEqual(float((light * (rows + 0.5)).sum() * pixel), 26.0, delta=0.3)
        self.assertGreater(float(seen[1].max()), 1.3 * float(seen[0].max()))  # sharper with the focus on it

    def test_a_film_read_without_noise_and_neighbours_gives_the_true_course(self):
        centres, radii = np.array([[10.0, 10.0, 0.0], [10.0, 30.0, 0.0]]), np.array([2.0, 1.5])
        images = torch.zeros(2, 128, 128)
        for image, (x, y, _) in zip(images, centres):
            image[round(y / 0.325) - 8 : round(y / 0.325) + 8, round(x / 0.325) - 8 : round(x / 0.325) + 8] = 1.0
        traces = 1 + np.random.default_rng(2).random((2, 40))
        film = activity.film(traces * [[0.5], [2.0]], images).numpy() + 7.0
        found = activity.over_mean(activity.read(film, centres, radii, 0.325), 7.0)
        true = traces / traces.mean(1, keepdims=True) - 1
        np.testing.assert_allclose(found, true, atol=1e-5)
        said = activity.compare(found, true)
        self.assertAlmostEqual(said["correlation"], 1, places=5)
        self.assertEqual(said["above_0.9"], 1.0)
        self.assertAlmostEqual(said["slope"], 1, places=4)

    def test_a_course_halved_by_haze_has_half_the_slope(self):
        true = np.random.default_rng(3).normal(0, 1, (5, 100))
        said = activity.compare(0.5 * true, true)
        self.assertAlmostEqual(said["slope"], 0.5, places=6)
        self.assertAlmostEqual(said["correlation"], 1, places=6)


if __name__ == "__main__":
    unittest.main()
