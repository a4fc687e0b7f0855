"""Scans through focus, confocal sections, specimens in depth, and deconvolution."""

import math
import unittest

import numpy as np
import torch

from deepscope_training import metrics, optics, tissue
from deepscope_training.refocus import baselines, fields, heldout, observe, scan
from deepscope_training.scene import Scene

from . import small_refocus

LENS = optics.Objective(0.75, 0.325)


def bead(positions, spherical=0.08, confocal=False):
    """A point in the middle of 48 pixels, at height 0, scanned."""
    config = small_refocus.config()
    field, border = scan.field_for(48, LENS, max(map(abs, positions)))
    plane = np.zeros((1, field.size, field.size), np.float32)
    plane[0, field.size // 2, field.size // 2] = 1
    return scan.scan(field, torch.from_numpy(plane), [0.0], positions, config.optics, 0.525, spherical, confocal), border


class Scans(unittest.TestCase):
    def test_photons_belong_to_the_emitter(self):
        """Defocus dilutes light and loses none: every image of the scan has the same sum."""
        (images, _), _ = bead([-8.0, -3.0, 0.0, 5.0])
        sums = images.sum((1, 2))
        np.testing.assert_allclose(sums, sums[2], rtol=1e-4)
        self.assertGreater(images[2].max(), 50 * images[0].max())

    def test_the_blur_has_the_radius_of_the_cone(self):
        """Geometric optics: half of the light comes through the pupil within s = NA/√2 of its middle, and lands within d·s/√(n² - s²)."""
        (images, _), _ = bead([10.0], spherical=0.0)
        rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
        weight = images[0].numpy()
        y, x = ((weight * v).sum() / weight.sum() for v in (rows, columns))
        s = 0.75 / math.sqrt(2)
        inside = np.hypot(rows - y, columns - x) * 0.325 <= 10 * s / math.sqrt(1.33**2 - s**2)
        self.assertAlmostEqual(float(weight[inside].sum() / weight.sum()), 0.5, delta=0.04)

    def test_the_border_is_as_wide_as_the_blur(self):
        _, border = scan.field_for(48, LENS, 20.0)
        self.assertGreaterEqual(border * 0.325, optics.defocus_radius(0.75, 20.0) + 4)

    def test_only_spherical_aberration_tells_the_sides_of_focus_apart(self):
        for spherical, differs in ((0.0, False), (0.08, True), (-0.08, True)):
            (images, _), border = bead([-4.0, 4.0], spherical)
            difference = float((images[0] - images[1]).abs().sum() / images[0].sum())
            self.assertEqual(difference > 0.2, differs, f"{spherical} waves: {difference}")
        (one, _), _ = bead([-4.0, 4.0], 0.08)
        (other, _), _ = bead([-4.0, 4.0], -0.08)
        torch.testing.assert_close(one[0], other[1], rtol=1e-3, atol=1e-7)

    def test_focus_travels_farther_than_an_air_objective(self):
        self.assertAlmostEqual(scan.focus_travel(0.01, 1.33), 1.33, places=3)
        # ∫₀¹ √((n² - NA²u)/(1 - NA²u)) du by Simpson's rule with 3 points: (1.33 + 4·1.4381 + 1.6606) / 6 = 1.457
        self.assertAlmostEqual(scan.focus_travel(0.75, 1.33), 1.457, places=2)


class Confocal(unittest.TestCase):
    def test_a_thin_sheet_in_focus_keeps_its_value_and_loses_it_out_of_focus(self):
        config = small_refocus.config()
        field, border = scan.field_for(16, LENS, 6.0)
        sheet = torch.ones(1, field.size, field.size)
        _, images = scan.scan(field, sheet, [0.0], [0.0, 3.0, 6.0], config.optics, 0.525, 0.05)
        means = images.mean((1, 2))
        self.assertAlmostEqual(float(means[0]), 1, places=4)
        # Geometric optics: what passes the pinhole falls with the square of defocus.
        self.assertAlmostEqual(float(means[2] / means[1]), 0.25, delta=0.06)

    def test_with_a_tiny_pinhole_it_is_the_product_of_two_spread_functions(self):
        df, line = scan.confocal_line(0.75, 0.525, 0.525, 1e-3, 1.0, 0.05, 1.33)
        spread = optics.psf(0.75, 0.525, 1.0, 0.05, 0.525 / (8 * 0.75), 512)[0]
        squared = torch.fft.fft((spread**2).sum(0)).real[: len(line)]
        torch.testing.assert_close(line / line[0], squared / squared[0], rtol=1e-3, atol=1e-4)

    def test_it_is_thinner_than_widefield(self):
        (wide, section), _ = bead([0.0, 2.0], confocal=True)
        self.assertGreater(section[0].max() / section[1].max(), 2 * wide[0].max() / wide[1].max())


class Specimens(unittest.TestCase):
    def test_ellipsoids_have_their_volume(self):
        scene = Scene(80, 0.2, 5.0)
        tissue.ellipsoids(scene, [(8, 8, 0)], [(3, 2, 2.5)], [0.7], [1.0], soft=0.02)
        self.assertAlmostEqual(float(scene.planes.sum()) * 0.2**2 * 0.5 / (4 / 3 * np.pi * 3 * 2 * 2.5), 1, delta=0.03)

    def test_nuclei_of_the_head_lie_in_a_tube_and_apart(self):
        kept = tissue.apart(np.random.default_rng(0), lambda n: np.random.default_rng(1).uniform(0, 20, (n, 3)), 40, 2.5)
        distance = np.linalg.norm(kept[:, None] - kept[None], axis=2) + 99 * np.eye(len(kept))
        self.assertEqual(len(kept), 40)
        self.assertGreater(distance.min(), 2.5)

    def test_every_family_draws_into_the_depth(self):
        for name in tissue.FAMILIES:
            scene = Scene(160, 0.3, 8.0)
            fields.FAMILIES[name](np.random.default_rng(4), scene)
            lit = np.flatnonzero(scene.planes.any((1, 2)))
            self.assertGreater(scene.heights[lit[-1]] - scene.heights[lit[0]], 8, name)
            self.assertGreaterEqual(scene.planes.min(), 0, name)

    def test_strands_run_in_every_direction(self):
        """Evenly spread directions have a third of their squared length along each axis, at every step of a chain."""
        drawn = tissue.directions(np.random.default_rng(0), 20_000)
        np.testing.assert_allclose((drawn**2).mean(1), 1 / 3, atol=0.01)
        np.testing.assert_allclose((drawn**2).sum(0), 1, atol=1e-12)

    def test_held_out_specimens_keep_their_light(self):
        heights = np.arange(-4, 4.5, 0.5)
        planes = heldout.deposit(40, 0.2, heights, [1.0, 3.0, 99.0], [2.0, 4.0, 2.0], [0.3, -3.9, 0.0], [1.0, 2.0, 5.0])
        self.assertAlmostEqual(float(planes.sum()), 3, places=5)
        for name, family in heldout.FAMILIES.items():
            made = family(np.random.default_rng(2), 120, 0.3, heights)
            self.assertEqual(made.shape, (17, 120, 120), name)
            self.assertGreater(made.max(), 0, name)

    def test_entries_repeat_and_hold_inputs_in_the_middle(self):
        config = small_refocus.config()
        first, again = (fields.make(config, 3) for _ in range(2))
        self.assertTrue((first["widefield"] == again["widefield"]).all() and (first["confocal"] == again["confocal"]).all())
        self.assertEqual(first["widefield"].shape, (4, 48, 48))
        self.assertTrue((np.abs(first["positions"][:2]) <= 1).all())
        self.assertTrue((np.abs(first["positions"]) <= 3).all())

    def test_moved_planes_do_not_wrap(self):
        planes = np.zeros((5, 1, 1), np.float32)
        planes[4] = 1
        self.assertEqual(fields.move(planes, -3).ravel().tolist(), [0, 1, 0, 0, 0])
        self.assertEqual(fields.move(planes, 1).sum(), 0)
        for levels in (-5, 5, -7, 9):  # farther than the volume is deep
            self.assertEqual(fields.move(planes, levels).sum(), 0)


class Photographs(unittest.TestCase):
    def test_truth_is_what_the_photograph_scatters_around(self):
        config = small_refocus.config()
        flat = torch.full((64, 64), 0.5)
        image = observe.photograph(config, flat, 2000, torch.Generator().manual_seed(1))
        self.assertAlmostEqual(float(image.mean() / observe.truth(config, flat, 2000).mean()), 1, delta=0.003)


class Deconvolution(unittest.TestCase):
    def setUp(self):
        self.optics = baselines.Optics(small_refocus.config().optics, "widefield", 0.525, 0.08, 32)
        self.specimen = torch.zeros(1, self.optics.size, self.optics.size)
        self.specimen[0, self.optics.size // 2, self.optics.size // 2] = 5000

    def test_in_the_plane_it_brings_a_bead_back(self):
        blurred = baselines.crop(self.optics.filter(self.specimen, self.optics.at(2.0))).clamp(min=0) + 1
        target = baselines.crop(self.optics.filter(self.specimen, self.optics.at(0.0)))[0]
        *_, (count, found) = baselines.in_the_plane(self.optics, blurred, 0.0, 2.0, [30])
        self.assertEqual(count, 30)
        self.assertGreater(metrics.compare(found[0], target, 4)["psnr"], metrics.compare(blurred[0], target, 4)["psnr"] + 6)

    def test_in_the_volume_it_explains_the_image(self):
        seen = baselines.crop(self.optics.filter(self.specimen, self.optics.at(0.0))).clamp(min=0) + 1
        (_, early), (_, late) = baselines.in_the_volume(self.optics, seen, 0.0, [0.0, 5.0], [1, 15])
        self.assertGreater(metrics.compare(late[0.0][0], seen[0], 4)["psnr"], metrics.compare(early[0.0][0], seen[0], 4)["psnr"] + 3)
        self.assertLess(float(late[5.0].max()), float(late[0.0].max()))

    def test_what_is_found_is_seen_as_the_confocal_would_where_that_is_asked_for(self):
        """The same as the scan of the same specimen shows; a bead 5 µm away hardly at all, of which the objective gathers all light."""
        asked = small_refocus.config().optics
        confocal = baselines.Optics(asked, "confocal", 0.525, 0.08, 32)
        self.specimen += 1
        widefield, sectioned = scan.scan(confocal.field, self.specimen, [2.0], [0.0, -4.0, -12.0], asked, 0.525, 0.08)
        for distance, wide, thin in zip((2.0, 6.0, 14.0), widefield, sectioned):
            torch.testing.assert_close(self.optics.filter(self.specimen, self.optics.wanted(distance))[0], wide, rtol=0, atol=1e-3)
            torch.testing.assert_close(confocal.filter(self.specimen, confocal.wanted(distance))[0], thin, rtol=0, atol=1e-3)
        seen = baselines.crop(self.optics.filter(self.specimen, self.optics.at(0.0))).clamp(min=0)
        [(_, plane)] = baselines.in_the_plane(confocal, seen, 0.0, 0.0, [15])
        [(_, volume)] = baselines.in_the_volume(confocal, seen, 0.0, [0.0, 5.0], [15])
        target = baselines.crop(confocal.filter(self.specimen, confocal.wanted(0.0)))[0]
        for picture in (plane, volume[0.0]):
            self.assertGreater(metrics.compare(picture[0], target, 4)["psnr"], metrics.compare(seen[0], target, 4)["psnr"])
        self.assertLess(float(volume[5.0].max() - volume[5.0].median()), 0.1 * float(volume[0.0].max() - volume[0.0].median()))


if __name__ == "__main__":
    unittest.main()
