"""Confocal, STED, total reflection and structured illumination: widths, energies and supports."""

import math
import unittest

import numpy as np
import torch

from deepscope_training import config as configuration, metrics, modalities, optics
from deepscope_training.modalities import Confocal, Structured, Sted
from deepscope_training.optics import Field, Objective

WAVELENGTH = 0.67
CONFOCAL = Confocal(1.4, 0.025, 1.518, 0.29, 1.0, 0.955)
STED = Sted(CONFOCAL, 0.08, 0.02)


def bead_width(objective, diameter=0.04):
    """FWHM in µm of the picture of a filled disc of `diameter`, through the same Field that makes training images."""
    field = Field(512, 0.0125)
    axis = (torch.arange(512) - 255.5) * 0.0125
    disc = (torch.hypot(axis[:, None], axis[None, :]) <= diameter / 2).float()
    picture = field.see(disc[None], [0.0], objective, WAVELENGTH, 0.0, 0.0).numpy()
    middle = picture.shape[0] / 2 - 0.5
    return metrics.bead_fwhm(picture, middle, middle, objective.pixel, 10)


class Widths(unittest.TestCase):
    def test_a_bead_by_confocal_measures_290_nm(self):
        self.assertAlmostEqual(bead_width(CONFOCAL), 0.29, delta=0.015)

    def test_a_bead_by_sted_measures_80_nm(self):
        self.assertAlmostEqual(modalities.width(STED.spot(WAVELENGTH, 0.0, 0.0)), 0.08, delta=0.004)
        self.assertAlmostEqual(bead_width(STED, 0.03), 0.08, delta=0.008)  # bead, pixel and pedestal add a little

    def test_an_open_pupil_gives_the_airy_pattern(self):
        """FWHM 0.514 λ/NA (Born & Wolf), first dark ring at 0.61 λ/NA, at low aperture."""
        profile = modalities.spot(0.4, 0.525, 1.33, 0.0, 0.0)
        self.assertAlmostEqual(modalities.width(profile) / (0.5145 * 0.525 / 0.4), 1, delta=0.01)
        dark = modalities.RADII[np.argmin(profile[: int(1.1 / 0.004)])]
        self.assertAlmostEqual(dark / (0.61 * 0.525 / 0.4), 1, delta=0.02)


class Energy(unittest.TestCase):
    def test_confocal_detection_falls_with_defocus_and_widefield_does_not(self):
        wide = [modalities.energy(modalities.spot(1.4, WAVELENGTH, 1.518, d, 0.0, 0.62)) for d in (0.0, 0.4)]
        self.assertAlmostEqual(wide[1] / wide[0], 1, delta=0.01)
        seen = [modalities.energy(CONFOCAL.spot(WAVELENGTH, d, 0.0)) for d in (0.0, 0.4, 0.8)]
        self.assertAlmostEqual(seen[0], 1, places=6)
        self.assertLess(seen[2], 0.5 * seen[1])

    def test_the_doughnut_is_dark_in_the_middle(self):
        self.assertLess(modalities.doughnut(CONFOCAL, WAVELENGTH, 0.0, 0.0)[0], 1e-6)

    def test_a_flat_specimen_keeps_its_value(self):
        for objective in (CONFOCAL, STED, Structured(1.41, 0.025, 1.518)):
            picture = Field(64, 0.0125).see(torch.ones(1, 64, 64), [0.0], objective, WAVELENGTH, 0.0, 0.0)
            self.assertAlmostEqual(float(picture.mean()), 1, delta=0.003)

    def test_evanescent_light_decays(self):
        np.testing.assert_allclose(modalities.evanescent([0.1, 0.2, 0.3], 0.1, 0.1), [1, math.exp(-1), math.exp(-2)])


class Support(unittest.TestCase):
    def test_structured_illumination_doubles_the_support(self):
        df, line = Structured(1.41, 0.03, 1.518).line(0.525, 0.0, 0.0)
        end = df * (len(line) - 1)
        self.assertAlmostEqual(end / (2 * 1.41 / 0.525), 2, places=3)
        wide_df, wide = optics.radial_otf(1.41, 0.525, 0.0, 0.0, 1.518)
        at = np.interp(np.array([0.25, 0.5, 0.75]) * end / 2, np.arange(len(wide)) * wide_df, wide.numpy())
        np.testing.assert_allclose(np.interp(np.array([0.25, 0.5, 0.75]) * end, np.arange(len(line)) * df, line.numpy()), at, atol=0.01)

    def test_confocal_passes_more_than_a_lens_but_less_than_four_times_its_cutoff(self):
        df, line = CONFOCAL.line(WAVELENGTH, 0.0, 0.0)
        cutoff = 2 * 1.4 / WAVELENGTH
        self.assertGreater(float(line[int(0.5 * cutoff / df)]), 0.1)
        self.assertLess(abs(float(line[int(1.9 * cutoff / df)])), 0.01)


class Configured(unittest.TestCase):
    def test_each_package_names_its_two_modalities(self):
        wanted = {
            "widefield-sr": (Objective, Objective), "confocal-sted": (Confocal, Sted), "tirf-sim": (Objective, Structured), "tirf-sim-1x": (Objective, Structured),
        }  # fmt: skip
        for name, kinds in wanted.items():
            optics_of = configuration.load(name).optics
            self.assertEqual(tuple(type(optics_of.objective(which)) for which in ("input", "target")), kinds, name)


if __name__ == "__main__":
    unittest.main()
