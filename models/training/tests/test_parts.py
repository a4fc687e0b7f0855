"""Resampling, network, specimens, metrics and baselines, each against something simpler than itself."""

import unittest
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from skimage.metrics import structural_similarity

from deepscope_training import heldout, metrics, normalisation, package, resample, specimens
from deepscope_training.superres import baselines, describe, fields, networks, predict
from deepscope_training.optics import Objective
from deepscope_training.scene import Scene

from . import small


class Resample(unittest.TestCase):
    def test_formula(self):
        """The four written weights at t = 3/4 and 1/4, edges repeated, computed pixel by pixel."""
        x = np.array([3.0, -1.0, 4.0, 1.0, 5.0])
        tap = {0.25: (-0.0703125, 0.8671875, 0.2265625, -0.0234375), 0.75: (-0.0234375, 0.2265625, 0.8671875, -0.0703125)}
        wanted = []
        for i in range(10):
            u = (i + 0.5) / 2 - 0.5
            k = int(np.floor(u))
            wanted.append(sum(w * x[min(max(k + j, 0), 4)] for j, w in zip((-1, 0, 1, 2), tap[u - k])))
        found = resample.to_grid(torch.tensor(x, dtype=torch.float32)[None].repeat(5, 1), 0.5)
        np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-6)
        np.testing.assert_allclose(found[7].numpy(), wanted, atol=1e-6)

    def test_a_plane_stays_a_plane(self):
        y, x = torch.meshgrid(torch.arange(12.0), torch.arange(9.0), indexing="ij")
        found = resample.to_grid(2 * y - x, 0.5)
        y, x = torch.meshgrid((torch.arange(24) + 0.5) / 2 - 0.5, (torch.arange(18) + 0.5) / 2 - 0.5, indexing="ij")
        torch.testing.assert_close(found[4:-4, 4:-4], (2 * y - x)[4:-4, 4:-4])

    def test_same_grid_is_untouched(self):
        x = torch.rand(5, 7)
        self.assertIs(resample.to_grid(x, 1), x)


class Network(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.network = networks.UNet([8, 16, 24], [2, 1, 2], 0.1).eval()

    def test_brightness_passes_through(self):
        x = torch.rand(1, 1, 64, 64)
        torch.testing.assert_close(self.network(3 * x)[:, :1], 3 * self.network(x)[:, :1], rtol=1e-4, atol=1e-5)

    def test_scale_is_positive(self):
        self.assertGreater(float(self.network(torch.randn(1, 1, 64, 64))[:, 1].min()), 0)

    @torch.no_grad()
    def test_reach_is_the_halo_of_a_tile(self):
        """A tile with `reach` pixels of surroundings gives what the whole image gives."""
        reach, x = self.network.reach(), torch.rand(1, 1, 256, 256)
        start, end = 96, 144
        tile = self.network(x[..., start - reach : end + reach, start - reach : end + reach])
        torch.testing.assert_close(tile[..., reach:-reach, reach:-reach], self.network(x)[..., start:end, start:end], rtol=0, atol=1e-5)

    def test_a_small_image_is_mirrored_as_often_as_it_takes(self):
        image = torch.rand(3, 5)
        np.testing.assert_array_equal(normalisation.to_multiple(image, 16).numpy(), np.pad(image.numpy(), ((0, 13), (0, 11)), "reflect"))
        self.assertEqual(normalisation.to_multiple(torch.ones(1, 16), 8).shape, (8, 16))

    def test_enhance_returns_units_of_the_input(self):
        image = 100 + 1000 * torch.rand(50, 61)
        with torch.no_grad():
            self.network.image.weight.zero_()
        restored, scale = predict.enhance(self.network, image, [1, 99.9])
        torch.testing.assert_close(restored, image, rtol=1e-4, atol=0.01)
        self.assertEqual(scale.shape, image.shape)

    def test_normalisation_is_scale_range(self):
        image = torch.randn(40, 30) * 50 + 200
        low, high = np.percentile(image.numpy(), (1, 99.9))
        np.testing.assert_allclose(normalisation.normalise(image, [1, 99.9])[0].numpy(), (image.numpy() - low) / (high - low + 1e-6), rtol=1e-4, atol=1e-5)


class Specimens(unittest.TestCase):
    def test_every_family_draws_light(self):
        for index, (name, family) in enumerate(specimens.FAMILIES.items()):
            with self.subTest(name):
                scene = Scene(256, 0.1625, 1.5)
                family(np.random.default_rng(index), scene)
                self.assertTrue(np.isfinite(scene.planes).all() and scene.planes.min() >= 0 and scene.planes.max() > 0)

    def test_held_out_families_draw_light(self):
        for name, family in heldout.FAMILIES.items():
            planes = family(np.random.default_rng(1), 256, 0.1625, np.linspace(-1, 1, 5))
            if planes is not None:
                self.assertTrue(planes.min() >= 0 and planes.max() > 0, name)

    def test_held_out_code_is_separate(self):
        self.assertNotIn("from .specimens", Path(heldout.__file__).read_text(encoding="utf-8"))
        self.assertNotIn("heldout import", Path(specimens.__file__).read_text(encoding="utf-8"))

    def test_splat_keeps_weight_and_place(self):
        scene = Scene(64, 0.5, 1.0)
        scene.splat(10.3, 20.7, 0.2, 2.0)
        self.assertAlmostEqual(float(scene.planes.sum()), 2, places=5)
        z, y, x = ndimage.center_of_mass(scene.planes)
        np.testing.assert_allclose(((x + 0.5) * 0.5, (y + 0.5) * 0.5, scene.heights[0] + z * 0.5), (10.3, 20.7, 0.2), atol=1e-4)


class Metrics(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(0)
        self.target = ndimage.gaussian_filter(rng.random((90, 90)), 2)
        self.image = self.target + 0.01 * rng.standard_normal((90, 90))

    def test_ssim_is_scikit_images(self):
        span = metrics.value_range(self.target)
        wanted = structural_similarity(self.image, self.target, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=span)
        self.assertAlmostEqual(metrics.ssim(self.image, self.target), wanted, places=6)

    def test_a_linear_change_costs_nothing(self):
        self.assertAlmostEqual(metrics.compare(3 * self.image - 7, self.target)["psnr"], metrics.compare(self.image, self.target)["psnr"], places=6)

    def test_psnr_of_known_noise(self):
        noise = np.random.default_rng(1).standard_normal((500, 500))
        target = np.tile(np.linspace(0, 1, 500), (500, 1))
        self.assertAlmostEqual(metrics.compare(target + 0.05 * noise, target)["psnr"], -20 * np.log10(0.05 / 0.998), delta=0.2)

    def test_width_of_a_gaussian(self):
        y, x = np.mgrid[:40, :40]
        spot = 5 + np.exp(-((y - 20.3) ** 2 + (x - 19.6) ** 2) / (2 * 1.3**2))
        self.assertAlmostEqual(metrics.bead_fwhm(spot, 20, 20, 0.5), 2.3548 * 1.3 * 0.5, places=3)

    def test_coverage_of_laplace_noise(self):
        noise = np.random.default_rng(2).laplace(0, 0.3, (300, 300))
        everywhere = np.ones((300, 300), bool)
        for level in (0.5, 0.8, 0.95):
            self.assertAlmostEqual(metrics.coverage(np.zeros((300, 300)), np.full((300, 300), 0.3), noise, level, everywhere), level, delta=0.01)


class Deconvolution(unittest.TestCase):
    def setUp(self):
        self.lucy = baselines.Deconvolution(Objective(0.4, 0.65), Objective(0.75, 0.325), 0.525, 0.06, 32)

    def test_adjoint(self):
        x, y = torch.rand(1, self.lucy.size, self.lucy.size), torch.rand(1, self.lucy.size // 2, self.lucy.size // 2)
        self.assertAlmostEqual(float((self.lucy.forward(x) * y).sum() / (x * self.lucy.adjoint(y)).sum()), 1, places=4)

    def test_it_beats_bicubic_without_noise(self):
        config = small.config()
        low, high = fields.held_out(config, "rings", 1)[0]
        *_, (count, result) = self.lucy.richardson_lucy(2000 * low[None] + 10, 0.0, [100])
        found, plain = metrics.compare(result[0], high), metrics.compare(baselines.bicubic(low[None], 2)[0], high)
        self.assertGreater(found["psnr"], plain["psnr"] + 2)


class Package(unittest.TestCase):
    def test_export_describes_what_it_wrote(self):
        import yaml

        from deepscope_training import pool, train

        folder, config = small.scratch(self), small.config()
        pool.fill(config, folder / "pool", report=small.silent)
        train.run(config, folder / "work", folder / "pool", steps=1, grow=False, report=small.silent)
        describe.run(config, folder / "work", folder / "pool", folder / "out", report=small.silent)
        description = yaml.safe_load((folder / "out" / "rdf.yaml").read_text(encoding="utf-8"))
        self.assertEqual(description["weights"]["onnx"]["sha256"], package.sha256(folder / "out" / "model.onnx"))
        raw, restored = (np.load(folder / "out" / name) for name in ("test-input.npy", "test-output.npy"))
        network, _ = package.load_network(config, folder / "work")
        with torch.no_grad():
            again = network(normalisation.normalise(torch.from_numpy(raw[0, 0]), [1, 99.9])[0][None, None])
        np.testing.assert_allclose(again.numpy(), restored, atol=1e-5)
        self.assertEqual(description["outputs"][0]["axes"][2]["halo"], network.reach())


if __name__ == "__main__":
    unittest.main()
