"""The adversary, the fork of a training, and the choice between the two variants."""

import dataclasses
import unittest

import torch

from deepscope_training import pool, train, variants
from deepscope_training.adversary import Adversary, Discriminator
from deepscope_training.errors import TrainingError

from . import small


class Learning(unittest.TestCase):
    def test_it_learns_to_tell_true_from_made(self):
        torch.manual_seed(0)
        adversary = Adversary(1, [8, 16], 0.1, 3e-3, 0.1)
        for _ in range(60):
            true, made = torch.randn(8, 1, 16, 16), torch.nn.functional.avg_pool2d(torch.randn(8, 1, 18, 18), 3, 1)
            adversary.judge(made, true)
            adversary.learn()
        self.assertGreater(float(adversary.network(true).mean()), float(adversary.network(made).mean()) + 0.5)

    def test_its_term_leaves_it_unchanged_and_reaches_the_image(self):
        adversary = Adversary(1, [4], 0.1, 1e-3, 0.5)
        made = torch.randn(2, 1, 8, 8, requires_grad=True)
        term, _ = adversary.judge(made, torch.randn(2, 1, 8, 8))
        term.backward()
        self.assertGreater(float(made.grad.abs().sum()), 0)
        self.assertTrue(all(p.grad is None for p in adversary.network.parameters()))

    def test_it_is_compact(self):
        from deepscope_training import config as configuration, superres

        config = configuration.load("confocal-sted")
        count = lambda network: sum(p.numel() for p in network.parameters())  # noqa: E731
        self.assertLess(count(Discriminator(1, config.training.adversarial.widths, 0.1)), 2 * count(superres.build(config)))


class Fork(unittest.TestCase):
    def setUp(self):
        self.folder, self.config = small.scratch(self), small.adversarial()
        pool.fill(self.config, self.folder / "pool", report=small.silent)

    def train(self, **options):
        return train.run(self.config, self.folder / "work", self.folder / "pool", grow=False, report=small.silent, **options)

    def test_the_second_run_begins_where_the_adversary_does(self):
        self.train()
        fork = train.read_checkpoint(self.folder / "work" / "fork.pt", self.config)
        self.assertEqual(fork["step"], 6)  # of 8, the adversary coming in at three quarters
        self.train(adversarial=True)
        state = train.read_checkpoint(self.folder / "work" / "adversarial" / "checkpoint.pt", self.config)
        self.assertEqual(state["step"], 8)
        rows = (self.folder / "work" / "adversarial" / "loss.csv").read_text(encoding="utf-8").splitlines()
        self.assertEqual([row.split(",")[0] for row in rows], ["step", "7", "8"])
        self.assertIn("discriminator", rows[0])

    def test_an_interrupted_second_run_goes_on_with_its_adversary(self):
        self.train()
        whole = self.train(adversarial=True).state_dict()
        for name in ("checkpoint.pt", "loss.csv"):
            (self.folder / "work" / "adversarial" / name).unlink()
        self.train(adversarial=True, steps=7)
        parts = self.train(adversarial=True).state_dict()
        for name, value in whole.items():
            self.assertTrue(torch.equal(value, parts[name]), name)

    def test_weights_of_another_run_may_be_the_beginning(self):
        self.train(steps=2)
        begun = train.run(
            self.config, self.folder / "second", self.folder / "pool", steps=0, grow=False, report=small.silent, initial=self.folder / "work" / "checkpoint.pt"
        )
        state = train.read_checkpoint(self.folder / "work" / "checkpoint.pt", self.config)
        for name, value in begun.state_dict().items():
            self.assertTrue(torch.equal(value, state["network"][name]), name)
        self.assertEqual(train.read_checkpoint(self.folder / "second" / "checkpoint.pt", self.config)["initial"], {"package": "widefield-sr", "step": 2})
        with self.assertRaisesRegex(TrainingError, "do not fit this network"):
            other = dataclasses.replace(self.config, network=dataclasses.replace(self.config.network, widths=[4, 12]))
            train.run(other, self.folder / "third", self.folder / "pool", steps=0, grow=False, report=small.silent, initial=self.folder / "work" / "checkpoint.pt")


class Choice(unittest.TestCase):
    def test_the_variant_with_less_in_empty_places_is_shipped(self):
        rows = [{"variant": "plain", "false_energy": 0.02, "psnr": 30.0}, {"variant": "adversarial", "false_energy": 0.01, "psnr": 29.0}]
        self.assertEqual(variants.least_false(rows), "adversarial")
        self.assertEqual(variants.least_false(rows[:1]), "plain")


if __name__ == "__main__":
    unittest.main()
