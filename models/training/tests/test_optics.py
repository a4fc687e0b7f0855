"""Image formation and camera against values from quadrature and closed forms (test/cases/optics.json)."""

import json
import math
import unittest
from pathlib import Path

import numpy as np
import torch

from deepscope_training import camera, optics
from deepscope_training.optics import Field, Objective

CASES = json.loads((Path(__file__).resolve().parents[3] / "test" / "cases" / "optics.json").read_text(encoding="utf-8"))


def spread(case, pixel=None, size=512):
    """The PSF of a case over its in-focus unaberrated peak, centred, and its grid's pixel."""
    na, wavelength = case["na"], case["wavelength"]
    pixel = pixel or wavelength / (8 * na)
    found = optics.psf(na, wavelength, [case.get("defocus", 0.0)], [case.get("spherical", 0.0)], pixel, size)[0]
    return torch.fft.fftshift(found).numpy(), pixel


def at_radii(image, pixel, radii):
    """Values on the axis to the right of the middle, by the image's own Fourier series (exact for a band-limited image)."""
    size = image.shape[0]
    line = np.fft.fft(image[size // 2])
    f = np.fft.fftfreq(size)
    return [float((line * np.exp(2j * np.pi * f * (size // 2 + r / pixel))).sum().real / size) for r in radii]


class Psf(unittest.TestCase):
    def test_profiles(self):
        for case in CASES["psf"]:
            image, pixel = spread(case)
            peak = math.pi * (case["na"] / case["wavelength"]) ** 2 * pixel**2
            np.testing.assert_allclose(np.array(at_radii(image, pixel, case["radius"])) / peak, case["intensity"], atol=0.005, err_msg=str(case))

    def test_encircled_energy(self):
        for case in CASES["encircled"]:
            image, pixel = spread(case, pixel=case["wavelength"] / (16 * case["na"]), size=1024)
            offset = np.arange(1024) - 512
            r = np.hypot(offset[:, None], offset[None, :]) * pixel
            for radius, energy in zip(case["radius"], case["energy"]):
                share = np.clip((radius - r) / pixel + 0.5, 0, 1)  # pixels on the rim count in part
                self.assertAlmostEqual((image * share).sum(), energy, delta=0.01, msg=str(case))

    def test_width_in_focus(self):
        for case in CASES["fwhm"]:
            image, pixel = spread(case)
            radii = np.linspace(0, case["fwhm"], 400)
            profile = np.array(at_radii(image, pixel, radii))
            half = radii[np.argmax(profile < profile[0] / 2)]
            self.assertAlmostEqual(2 * half / case["fwhm"], 1, delta=0.01)

    def test_axial_profile(self):
        for key, tolerance in (("axial", 0.005), ("axial_paraxial", 0.02)):
            for case in CASES[key]:
                image, pixel = spread(case)
                peak = math.pi * (case["na"] / case["wavelength"]) ** 2 * pixel**2
                self.assertAlmostEqual(image[256, 256] / peak, case["intensity"], delta=tolerance, msg=str(case))

    def test_energy_is_constant_over_depth(self):
        sums = optics.psf(0.75, 0.525, [-6.0, -1.0, 0.0, 3.0, 6.0], [0.06] * 5, 0.15, 256).sum((1, 2))
        np.testing.assert_allclose(sums, 1, rtol=1e-9)

    def test_a_coarse_grid_is_refused(self):
        with self.assertRaises(ValueError):
            optics.psf(0.75, 0.525, [0.0], [0.0], 0.2, 64)


class Transfer(unittest.TestCase):
    def test_in_focus(self):
        df, line = optics.radial_otf(0.75, 0.525, 0.0, 0.0)
        frequency = np.array(CASES["otf_in_focus"]["of_cutoff"]) * 2 * 0.75 / 0.525
        np.testing.assert_allclose(np.interp(frequency, np.arange(len(line)) * df, line.numpy()), CASES["otf_in_focus"]["value"], atol=0.005)

    def test_pixel_energy(self):
        for case in CASES["pixel_energy"]:
            field = Field(240, case["pixel"] / 5)  # 240 / 5 = 48 pixels; a point in the middle of pixel 24
            planes = torch.zeros(1, 240, 240)
            planes[0, 122, 122] = 25  # one unit of light a pixel's area
            image = field.see(planes, [0.0], Objective(case["na"], case["pixel"]), case["wavelength"], 0.0, 0.0)
            self.assertAlmostEqual(float(image[24, 24]), case["energy"], delta=0.01)

    def test_geometry(self):
        for case in CASES["collected"]:
            self.assertAlmostEqual(optics.collected_fraction(case["na"]), case["fraction"], places=6)
        for case in CASES["defocus_radius"]:
            self.assertAlmostEqual(optics.defocus_radius(case["na"], case["defocus"]), case["radius"], places=5)


class See(unittest.TestCase):
    def setUp(self):
        self.field = Field(192, 0.1625)
        self.low, self.high = Objective(0.4, 0.65), Objective(0.75, 0.325)

    def test_light_is_kept_at_every_depth(self):
        planes = torch.rand(3, 192, 192, generator=torch.Generator().manual_seed(0))
        for objective in (self.low, self.high):
            image = self.field.see(planes, [-4.0, 0.0, 4.0], objective, 0.525, 1.0, 0.06)
            self.assertAlmostEqual(float(image.mean() / planes.sum(0).mean()), 1, places=4)

    def test_grids_share_their_corners(self):
        planes = torch.zeros(1, 192, 192)
        planes[0, 80:88, 100:108] = 1  # covers input pixels (20…21, 25…26) and target pixels (40…43, 50…53)
        for objective, centre in ((self.low, (20.5, 25.5)), (self.high, (41.5, 51.5))):
            image = self.field.see(planes, [0.0], objective, 0.525, 0.0, 0.0).double()
            index = torch.arange(image.shape[0], dtype=torch.float64)
            middle = float((image.sum(1) * index).sum() / image.sum()), float((image.sum(0) * index).sum() / image.sum())
            np.testing.assert_allclose(middle, centre, atol=0.05)


class Camera(unittest.TestCase):
    def test_mean_and_variance(self):
        case, generator = CASES["camera"], torch.Generator().manual_seed(1)
        for expected, mean, variance in zip(case["expected"], case["mean"], case["variance"]):
            read = camera.read_out(torch.full((400_000,), float(expected)), case["offset"], case["gain"], case["read_noise"], generator)
            self.assertAlmostEqual(float(read.mean()) / mean, 1, delta=0.002)
            self.assertAlmostEqual(float(read.double().var()) / variance, 1, delta=0.01)

    def test_values_are_whole_and_limited(self):
        read = camera.read_out(torch.tensor([0.0, 1e9]), 100, 0.46, 1.6)
        self.assertEqual(float(read[1]), 65535)
        self.assertEqual(float(read[0]), round(float(read[0])))


if __name__ == "__main__":
    unittest.main()
