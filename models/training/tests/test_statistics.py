"""The figures that packages keep for the application's guard: flux, and what training inputs look like."""

import json
import unittest

import numpy as np

from deepscope_training import package, pool, statistics, train
from deepscope_training.superres import checks, describe

from . import small


class Flux(unittest.TestCase):
    def test_flux_of_spots_on_a_ground(self):
        places, light = np.array([[30, 30.0], [30, 80.0]]), np.array([100.0, 1000.0])
        y, x = np.mgrid[:60, :110]
        image = 7 + sum(f * np.exp(-((y - a) ** 2 + (x - b) ** 2) / 2) / (2 * np.pi) for f, (a, b) in zip(light, places))
        np.testing.assert_allclose(checks.aperture_flux(image, places, 6), light, rtol=1e-3)

    def test_slope_of_a_power_law(self):
        true = 10 ** np.linspace(0, 1, 50)
        self.assertAlmostEqual(checks.flux_slope(true, 3 * true), 1, places=6)
        self.assertGreater(checks.flux_slope(true, np.where(true < 2, 0.1 * true, true)), 1.2)
        self.assertTrue(np.isnan(checks.flux_slope(true, 0 * true)))


class Statistics(unittest.TestCase):
    def feature(self, image, name):
        return statistics.features(image)[statistics.NAMES.index(name)]

    def setUp(self):
        self.noise = np.random.default_rng(3).standard_normal((128, 128))
        low, high = np.percentile(self.noise, (1, 99.9))
        self.span = high - low

    def test_white_noise_has_a_flat_spectrum_of_its_variance(self):
        for ring in (3, 9, 15):
            self.assertAlmostEqual(self.feature(self.noise, f"power {ring}"), -2 * np.log10(self.span), delta=0.12)

    def test_they_see_the_noise(self):
        self.assertAlmostEqual(self.feature(self.noise, "noise"), -np.log10(self.span), delta=0.02)
        self.assertAlmostEqual(self.feature(self.noise, "heavy tail"), 0, delta=0.02)

    def test_they_see_a_lattice(self):
        y, x = np.mgrid[:128, :128]
        grating = self.noise + np.sin(2 * np.pi * (x + y) / 10)
        self.assertGreater(self.feature(grating, "peak 4-7"), self.feature(self.noise, "peak 4-7") + 0.5)
        self.assertGreater(self.feature(grating, "direction 4-7"), self.feature(self.noise, "direction 4-7") + 0.2)

    def test_brightness_and_offset_do_not_matter(self):
        np.testing.assert_allclose(statistics.features(400 * self.noise + 5000), statistics.features(self.noise), atol=1e-4)

    def test_scores_part_what_differs(self):
        rng = np.random.default_rng(0)
        inputs, blurred = rng.standard_normal((600, 4)) * (1, 2, 3, 4), rng.standard_normal((600, 4)) + (3, 0, 0, 0)
        found = statistics.summarise(inputs, blurred)
        z = (np.array([[0, 0, 0, 0], [0, 20.0, 0, 0]]) - found["mean"]) / found["std"]
        whitening = np.zeros((4, 4))
        for i, row in enumerate(found["whitening"]):
            whitening[i, i:] = row
        near, far = ((z @ whitening.T) ** 2).sum(1)
        # ‖z‖² of standard normal features is χ² with 4 degrees of freedom: median 3.357, 99th percentile 13.28.
        self.assertAlmostEqual(found["limits"]["distance"][0], 3.357, delta=0.5)
        self.assertAlmostEqual(found["limits"]["distance"][3], 13.28, delta=3)
        self.assertLess(near, 1)
        self.assertGreater(far, 80)
        self.assertGreater(abs(found["discriminant"][0]), 5 * max(map(abs, found["discriminant"][1:])))


class Package(unittest.TestCase):
    def test_statistics_and_flux_are_in_the_package(self):
        import yaml

        folder, config = small.scratch(self), small.config()
        pool.fill(config, folder / "pool", report=small.silent)
        train.run(config, folder / "work", folder / "pool", steps=1, grow=False, report=small.silent)
        describe.run(config, folder / "work", folder / "pool", folder / "out", report=small.silent)
        own = yaml.safe_load((folder / "out" / "rdf.yaml").read_text(encoding="utf-8"))["config"]["deepscope"]
        self.assertEqual(own["guard"]["statistics"]["sha256"], package.sha256(folder / "out" / "statistics.json"))
        self.assertEqual([row["photons"] for row in own["intensity"]["flux"]], config.evaluation.photons)
        self.assertEqual(json.loads((folder / "out" / "statistics.json").read_text())["features"], statistics.NAMES)


if __name__ == "__main__":
    unittest.main()
