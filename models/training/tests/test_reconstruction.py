"""Structured illumination, reconstructed: without noise it must come to what the doubled support shows."""

import unittest

import numpy as np
import torch

from deepscope_training import config as configuration, metrics
from deepscope_training.superres import fields, reconstruction

from . import small  # noqa: F401 (real data out of reach)


class Reconstruction(unittest.TestCase):
    def setUp(self):
        self.config = configuration.load("tirf-sim")
        self.planes, self.heights = next(fields.specimens(self.config, "trees", 1))
        self.planes = self.planes.sum(0, keepdims=True)
        self.low, self.high = fields.pair(self.config, self.planes, [0.0])

    def test_the_mean_of_the_frames_is_the_plain_picture(self):
        raw = reconstruction.frames(self.config, self.planes, [0.0]).mean((0, 1))
        np.testing.assert_allclose((raw / raw.mean()).numpy(), (self.low / self.low.mean()).numpy(), atol=0.03)

    def test_without_noise_it_shows_what_the_doubled_support_does(self):
        raw = reconstruction.frames(self.config, self.planes, [0.0])
        joined = metrics.compare(reconstruction.join(self.config, raw, 1e-4), self.high, border=16)
        plain = metrics.compare(fields.raise_all(self.config, self.low), self.high, border=16)
        self.assertGreater(joined["psnr"], plain["psnr"] + 6)
        self.assertGreater(joined["ssim"], 0.95)


if __name__ == "__main__":
    unittest.main()
