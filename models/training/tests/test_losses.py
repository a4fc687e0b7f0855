"""What super-resolution networks learn by, and what every network's second head does."""

import dataclasses
import unittest
from unittest import mock

import numpy as np
import torch
from scipy import ndimage, optimize, stats

from deepscope_training import losses, metrics
from deepscope_training.errors import TrainingError

from . import small


def error_of(image, target, given, **training):
    """The whole loss, in which only `error` counts unless `training` says otherwise."""
    only = {"error": 1.0, "structure": 0.0, "consistency": 0.0, "ssim": 0.0, "scale": 0.0, "power": 0.5, **training}
    output = torch.cat([image, torch.ones_like(image)], 1)
    return float(losses.loss(output, target, given, dataclasses.replace(small.config().training, **only), 0.3)[0])


class Picture(unittest.TestCase):
    def flat_answer(self, **training):
        """Of a few flat answers to a target with a bright tenth, the one of the least loss."""
        target = torch.zeros(1, 1, 40, 40)
        target[..., :4] = 1
        values = [0.0, 0.05, 0.1, 0.2, 0.5]
        return min(values, key=lambda value: error_of(torch.full_like(target, value), target, 1 - target, **training))

    def test_a_rare_spot_is_left_dark_by_the_absolute_error_and_not_by_the_rms(self):
        """0, the median, has the least absolute error, and 0.1, the mean, the least RMS."""
        self.assertEqual(self.flat_answer(absolute=1.0), 0.0)
        self.assertEqual(self.flat_answer(absolute=0.0), 0.1)
        self.assertEqual(self.flat_answer(absolute=1.0, error=0.0, consistency=1.0, consistency_sigma=0.1), 0.0)
        self.assertEqual(self.flat_answer(absolute=0.0, error=0.0, consistency=1.0, consistency_sigma=0.1), 0.1)

    def test_so_it_is_near_fine_detail(self):
        """Two in ten pixels are bright: the weighted median is dark, the weighted mean is a fifth or a little more."""
        target = torch.zeros(1, 1, 64, 64)
        target[..., ::10], target[..., 1::10] = 1, 1

        def best(**training):
            return min([0.0, 0.1, 0.2, 0.3, 0.5], key=lambda v: error_of(torch.full_like(target, v), target, 1 - target, error=0.0, structure=1.0, **training))

        self.assertEqual(best(structure_absolute=1.0), 0.0)
        self.assertIn(best(structure_absolute=0.0), (0.2, 0.3))

    def test_what_a_linear_fit_undoes_does_not_count_where_the_fitted_error_alone_counts(self):
        """A picture that correlates with its target at 1 / sqrt 2 leaves 0.707 of its deviation, whatever its level and unit; against an input that tells nothing this is 2 * (sqrt 0.707 - 1) = -0.318."""
        target, noise, given = torch.randn(3, 1, 1, 96, 96, generator=torch.Generator().manual_seed(5))
        found = error_of(target + noise, target, given, absolute=0.0, fitted=1.0)
        self.assertAlmostEqual(found, -0.318, delta=0.02)
        self.assertAlmostEqual(error_of(40 * (target + noise) - 7, target, given, absolute=0.0, fitted=1.0), found, places=3)

    def test_shares_add_up(self):
        target, image, given = torch.rand(3, 2, 1, 32, 32, generator=torch.Generator().manual_seed(3))

        def found(absolute, fitted):
            return error_of(image, target, given, absolute=absolute, fitted=fitted)

        self.assertAlmostEqual(found(0.3, 0.5), 0.3 * found(1.0, 0.0) + 0.2 * found(0.0, 0.0) + 0.5 * found(0.0, 1.0), places=5)

    def test_flat_pictures_have_a_finite_error_and_gradient(self):
        noise = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(4))
        for image, target, given in ((0 * noise, noise, noise), (noise, 0 * noise, 0 * noise), (0 * noise, 0 * noise, 0 * noise)):
            output = torch.cat([image, torch.ones_like(image)], 1).requires_grad_(True)
            training = dataclasses.replace(small.config().training, absolute=0.2, fitted=0.5, structure_absolute=0.3, power=0.5)
            total, _ = losses.loss(output, target, given, training, 0.3)
            total.backward()
            self.assertTrue(bool(torch.isfinite(total) and torch.isfinite(output.grad).all()))

    def test_the_error_that_is_left_is_that_of_the_measure(self):
        """numpy's least squares of the same fit."""
        image, target = np.random.default_rng(2).random((2, 24, 24))
        slope, offset = np.polyfit(image.ravel(), target.ravel(), 1)
        found = losses.fitted(*(torch.from_numpy(v)[None, None] for v in (image, target)))[0, 0].numpy()
        np.testing.assert_allclose(found, target - slope * image - offset, atol=1e-6)

    def error_parts(self, power, share):
        """Parts of the loss of an answer whose error is `share` of the input's own, at every pixel."""
        training = dataclasses.replace(small.config().training, power=power)
        generator = torch.Generator().manual_seed(5)
        target, wrong = torch.rand(2, 1, 64, 64, generator=generator), torch.rand(2, 1, 64, 64, generator=generator) - 0.5
        answer = torch.cat([target + share * wrong, torch.full_like(target, 0.1)], 1)
        return losses.loss(answer, target, target + wrong, training, 0.325)[1]

    def test_at_a_power_of_nothing_the_loss_counts_every_halving_of_the_error_alike(self):
        steps = [self.error_parts(0.0, share)["error"] for share in (0.5, 0.25, 0.125)]
        self.assertAlmostEqual(steps[0] - steps[1], steps[1] - steps[2], delta=0.01)

    def test_with_a_power_the_loss_is_box_and_coxs_function_of_the_error_over_the_inputs(self):
        """(r^p - 1) / p at p = 1/2: 2 * (sqrt 2 - 1) = 0.828 for twice the input's error, -1 for a quarter of it, nothing for an answer no better than the input."""
        for share, expected in ((2.0, 0.8284), (1.0, 0.0), (0.25, -1.0)):
            parts = self.error_parts(0.5, share)
            for name in ("error", "structure", "consistency"):
                with self.subTest(share=share, part=name):
                    self.assertAlmostEqual(parts[name], expected, delta=0.02)

    def test_shares_beyond_all_and_nothing_are_refused(self):
        for shares, said in (
            ({"absolute": 0.5, "fitted": 0.7}, "together at most 1, not 0.5 and 0.7"),
            ({"absolute": -0.1}, "together at most 1, not -0.1"),
            ({"structure_absolute": 1.2}, "structure_absolute is a share, from 0 to 1, not 1.2"),
        ):
            with self.assertRaisesRegex(TrainingError, said):
                small.config(**shares)

    def test_blur_is_that_of_scipy(self):
        image = np.random.default_rng(0).random((40, 56))
        found = losses.gaussian_blur(torch.from_numpy(image)[None, None], 2.0)[0, 0]
        np.testing.assert_allclose(found, ndimage.gaussian_filter(image, 2.0, mode="nearest", truncate=3.0), atol=1e-6)

    def test_dissimilarity_is_one_less_the_ssim_that_is_measured(self):
        """Another implementation, on NumPy and scipy, of the same figure. The measure's range is a percentile's: without outliers both are near."""
        rng = np.random.default_rng(1)
        target = ndimage.gaussian_filter(rng.random((64, 64)), 2)
        image = target + 0.3 * target.std() * rng.standard_normal(target.shape)
        found = losses.dissimilarity(*(torch.from_numpy(v)[None, None] for v in (image, target)))
        with mock.patch.object(metrics, "value_range", lambda v: float(v.max() - v.min())):
            self.assertAlmostEqual(float(found), 1 - metrics.ssim(image, target), places=3)
        self.assertAlmostEqual(float(losses.dissimilarity(*[torch.from_numpy(target)[None, None]] * 2)), 0, places=6)


class SecondHead(unittest.TestCase):
    def test_a_pixel_of_signal_judges_the_error_like_so_many_of_ground(self):
        """Whichever picture it lies in: a crew, whose members have some of the pictures each, learns the same."""
        signal = torch.zeros(2, 1, 10, 10, dtype=torch.bool)
        signal[0, :, 0, :5], signal[1, :, :5] = True, True  # five and fifty of a hundred pixels
        for worth in (4, 30):
            of_signal, of_ground = (float(losses.balanced(part.float(), signal, worth)) for part in (signal, ~signal))
            self.assertAlmostEqual(of_signal / 55, worth * of_ground / 145, places=5)
            apart = [float(losses.balanced(signal[i : i + 1].float(), signal[i : i + 1], worth)) for i in (0, 1)]
            self.assertAlmostEqual(of_signal, np.mean(apart), places=5)

    def test_the_second_head_learns_from_its_intervals_and_leaves_the_picture_alone(self):
        config = small.config()
        generator = torch.Generator().manual_seed(6)
        output, target, given = (torch.rand(2, n, 32, 32, generator=generator) + 0.1 for n in (2, 1, 1))
        output.requires_grad_(True)
        least, most = (torch.tensor([float(of(one)) for one in target])[:, None, None, None] for of in (torch.min, torch.max))
        judged = losses.balanced(losses.misjudged(target - output[:, :1], output[:, 1:]), target > 0.9 * least + 0.1 * most)
        training = dataclasses.replace(config.training, error=0.0, structure=0.0, consistency=0.0, ssim=0.0, scale=1.0)
        total, parts = losses.loss(output, target, given, training, 0.3)
        self.assertAlmostEqual(parts["scale"], float(judged.detach()), places=6)
        total.backward()
        self.assertEqual(float(output.grad[:, 0].abs().max()), 0)
        self.assertGreater(float(output.grad[:, 1].abs().max()), 0)

    def test_the_scale_that_errors_are_judged_by_best_is_that_of_laplace_noise(self):
        error = torch.from_numpy(np.random.default_rng(3).laplace(0, 0.2, 200_000))
        scales = np.linspace(0.15, 0.25, 41)
        judged = [float(losses.misjudged(error, torch.tensor(scale)).mean()) for scale in scales]
        self.assertAlmostEqual(scales[np.argmin(judged)], 0.2, delta=0.005)

    def test_of_other_noise_the_best_scale_makes_the_intervals_right_on_average(self):
        """Gaussian noise of deviation 1: the scale at which the mean share inside the three intervals is theirs, 0.75, by scipy."""

        def inside(scale):
            return np.mean([2 * stats.norm.cdf(-scale * np.log(1 - share)) - 1 for share in (0.5, 0.8, 0.95)])

        expected = optimize.brentq(lambda scale: inside(scale) - 0.75, 0.1, 2)
        error = torch.from_numpy(np.random.default_rng(4).normal(0, 1, 200_000))
        scales = np.linspace(0.8, 1.2, 81) * expected
        judged = [float(losses.misjudged(error, torch.tensor(scale)).mean()) for scale in scales]
        self.assertAlmostEqual(scales[np.argmin(judged)] / expected, 1, delta=0.015)


if __name__ == "__main__":
    unittest.main()
