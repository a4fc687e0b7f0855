"""What refocusing networks learn by."""

import math
import unittest

import torch

from deepscope_training import config as configuration
from deepscope_training.errors import TrainingError
from deepscope_training.refocus import losses

from . import small_refocus


SIGNAL = torch.tensor(0.3)  # above which a pixel of a target is signal


class Loss(unittest.TestCase):
    def test_it_counts_relative_gains(self):
        config = small_refocus.config(floor=0.0, border=0, power=0.0, absolute=0.5, fitted=0.0)
        target, noise = torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32) - 0.5

        def error(size, unit):
            answer = lambda raw, dpm: torch.cat([(target + size * noise) * unit, 1 + 0 * raw], 1)  # noqa: E731
            return losses.loss(config, answer, (target, target, target * unit, SIGNAL))[1]["error"]

        self.assertAlmostEqual(error(0.4, 1) - error(0.2, 1), math.log(2), places=2)
        self.assertAlmostEqual(error(0.4, 1), error(0.4, 50), places=1)

    def test_with_a_power_an_error_counts_against_the_better_of_input_and_flat_picture(self):
        """Box and Cox at p = 1/2: nothing for an answer as wrong as the input, 2 * (sqrt 2 - 1) = 0.828 for twice that; -1 for a quarter of a flat picture's error where the input is worse than flat."""
        config = small_refocus.config(floor=0.0, border=0, power=0.5, absolute=0.5, fitted=0.0)
        generator = torch.Generator().manual_seed(5)
        target, wrong = torch.rand(2, 2, 1, 64, 64, generator=generator)
        wrong, flat = wrong - wrong.mean(), target.mean() - target

        def error(answer, given):
            made = lambda raw, dpm: torch.cat([answer, 1 + 0 * raw], 1)  # noqa: E731
            return losses.loss(config, made, (given, target, target, SIGNAL))[1]["error"]

        self.assertAlmostEqual(error(target + 0.2 * wrong, target + 0.2 * wrong), 0, places=2)
        self.assertAlmostEqual(error(target + 0.4 * wrong, target + 0.2 * wrong), 0.828, places=2)
        self.assertAlmostEqual(error(target + 0.25 * flat, target + 9 * flat), -1, delta=0.15)  # the mean absolute error of a flat picture is 0.87 of its deviation

    def test_a_rare_spot_is_left_dark_by_the_absolute_error_and_not_by_the_rms(self):
        """A tenth of the pixels is 1: of all flat answers 0, the median, has the least absolute error, and 0.1, the mean, the least RMS."""
        target = torch.zeros(1, 1, 40, 40)
        target[..., :4] = 1

        def best(absolute):
            config = small_refocus.config(floor=0.0, border=0, power=0.5, absolute=absolute, fitted=0.0)
            answer = lambda value: lambda raw, dpm: torch.cat([value + 0 * raw, 1 + 0 * raw], 1)  # noqa: E731
            values = [0.0, 0.05, 0.1, 0.2, 0.5]
            return min(values, key=lambda value: losses.loss(config, answer(value), (1 - target, target, target, SIGNAL))[1]["error"])

        self.assertEqual((best(1.0), best(0.0)), (0.0, 0.1))

    def test_what_a_linear_fit_undoes_does_not_count_where_the_fitted_error_alone_counts(self):
        """A picture that correlates with its target at 1 / sqrt 2 leaves 0.707 of its deviation, whatever its level and unit: 2 * (sqrt 0.707 - 1) = -0.318 against a flat one; one that differs by level and unit alone leaves nothing."""
        config = small_refocus.config(floor=0.0, border=0, power=0.5, absolute=0.0, fitted=1.0)
        target, noise, given = torch.randn(3, 1, 1, 96, 96, generator=torch.Generator().manual_seed(5))

        def error(image):
            return losses.loss(config, lambda raw, dpm: torch.cat([image, 1 + 0 * raw], 1), (given, target, target, SIGNAL))[1]["error"]

        self.assertAlmostEqual(error(target + noise), -0.318, delta=0.02)
        self.assertAlmostEqual(error(40 * (target + noise) - 7), error(target + noise), places=3)
        self.assertAlmostEqual(error(0.3 * target + 5), -2, places=2)

    def test_the_shares_of_the_error_are_shares_in_every_configuration(self):
        for name in ("deep-z", "deep-z-plus", "large/deep-z", "large/deep-z-plus"):
            training = configuration.load(name).training
            self.assertTrue(0 <= training.absolute <= 1 - training.fitted <= 1, name)
        with self.assertRaisesRegex(TrainingError, "together at most 1, not 0.5 and 0.7"):
            small_refocus.config(absolute=0.5, fitted=0.7)

    def test_the_border_does_not_count(self):
        config = small_refocus.config(border=4)
        target = torch.rand(1, 1, 32, 32)
        spoiled = target.clone()
        spoiled[..., :4] = 99

        def told(image):
            return losses.loss(config, lambda raw, dpm: torch.cat([image, 1 + 0 * raw], 1), (target, target, target, SIGNAL))[1]["error"]

        self.assertEqual(told(target), told(spoiled))
