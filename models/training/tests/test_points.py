"""Two points, spots and rare shapes, each with pictures whose answer is known."""

import unittest

import numpy as np
import torch

from deepscope_training import config as configuration
from deepscope_training.superres import checks, points

from . import small


class Perfect:
    """A stand-in that shows the input as it is."""

    step = 1

    def reach(self):
        return 0

    def __call__(self, x):
        return torch.cat([x, torch.ones_like(x)], 1)


def blobs(places, sigma, size=64):
    y, x = np.mgrid[:size, :size]
    return sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * sigma**2)) for a, b in places)


class TwoPoints(unittest.TestCase):
    def test_gaussians_part_where_theory_says(self):
        """Two Gaussians have a valley from 2 σ on (Sparrow); it is 10 % deep only at about 2.6 σ: 2 exp(-d²/8) = 0.9 (1 + exp(-d²/2)) gives 2.57."""
        for distance, apart in ((1.8, False), (2.3, False), (2.8, True), (4.0, True)):
            ends = ((32, 32 - distance * 2), (32, 32 + distance * 2))
            self.assertEqual(points.dips(blobs(ends, 4.0), *ends, 0.0), apart, distance)

    def test_one_spot_is_never_two(self):
        self.assertFalse(points.dips(blobs([(32, 32)], 3), (32, 28), (32, 36), 0.0))

    def test_resolution_is_rayleighs(self):
        """20×/0.75 at 0.525 µm is finer than its pixels can show: two pixels count."""
        self.assertAlmostEqual(points.resolution(small.config()), 0.65, delta=0.02)

    def test_deconvolution_parts_what_the_photograph_does_not_show(self):
        """0.9 µm is just beyond Rayleigh's distance of the input (0.61 × 0.525 / 0.4 = 0.80 µm), but its pixels of 0.65 µm spread every point further."""
        few, many = (points.two_points(small.config_with(photons=[5000], iterations=[1, count]), Perfect(), (1.4,))[0] for count in (3, 60))
        self.assertLess(many["bicubic"], 0.2)
        self.assertEqual(many["network"], many["bicubic"], "which is what this network shows")
        self.assertLess(few["richardson-lucy"], 0.2)
        self.assertGreater(many["richardson-lucy"], 0.4, "the most iterations count")
        self.assertEqual(many["target"], 1)


class Spots(unittest.TestCase):
    def test_a_faithful_picture_is_precise_and_a_noisy_one_is_not(self):
        bright, dim = (points.spot_precision(small.config_with(photons=[p]), Perfect())[0]["precision"] for p in (5000, 5))
        self.assertGreater(bright, 0.98)
        self.assertLess(dim, 0.6)


class Light(unittest.TestCase):
    def test_the_beads_of_the_flux_check_span_a_decade_in_every_package(self):
        for name in configuration.names():
            config = configuration.load(name)
            if config.kind != "superres":
                continue
            roomy = checks.with_room(config)
            places = checks.lattice(roomy, np.random.default_rng(0), checks.FLUX_SPACING * config.evaluation.beads.spacing)
            self.assertGreaterEqual(len(places), checks.FLUX_BEADS**2, name)
            self.assertGreaterEqual(roomy.evaluation.field, config.evaluation.field)


class RareShape(unittest.TestCase):
    def test_a_faithful_picture_keeps_the_light(self):
        row = points.rare_flux(small.config_with(photons=[5000], field=96), Perfect())[0]
        self.assertAlmostEqual(row["kept"], 1, delta=0.1)


class Beads(unittest.TestCase):
    def test_lattice_keeps_off_the_edges(self):
        config = small.config()
        places = checks.lattice(config, np.random.default_rng(0), 5.0)
        inner = config.evaluation.field * config.optics.target.pixel
        self.assertTrue((places > 2).all() and (places < inner - 2).all())


if __name__ == "__main__":
    unittest.main()
