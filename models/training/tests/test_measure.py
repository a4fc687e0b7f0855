"""The whole evaluation of a tiny network: bars, tables and card agree, and a new timing leaves the rest alone."""

import json
import unittest

from deepscope_training import pool, results, train
from deepscope_training.superres import describe, measure

from . import small


class Evaluation(unittest.TestCase):
    def test_metrics_and_card_say_the_same(self):
        folder = small.scratch(self)
        config = small.config_with(families=["rings", "meshes"], iterations=[1, 2])
        pool.fill(config, folder / "pool", report=small.silent)
        train.run(config, folder / "work", folder / "pool", steps=2, grow=False, report=small.silent)
        describe.run(config, folder / "work", folder / "pool", folder / "out", report=small.silent)
        measure.run(config, folder / "work", folder / "out", report=small.silent)
        found = json.loads((folder / "out" / "metrics.json").read_text(encoding="utf-8"), parse_constant=self.fail)
        names = [bar["name"] for bar in found["bars"]]
        for wanted in ("gain-seen", "gain-heldout", "fwhm-ratio", "two-point", "false-energy", "spot-precision", "rare-flux", "coverage-error", "mib"):
            self.assertIn(wanted, names)
        card = (folder / "out" / "CARD.md").read_text(encoding="utf-8")
        first = card[: card.index("\n## ")]
        for bar in found["bars"]:
            self.assertIn(f"`{bar['name']}` | {bar['value']:g} |", card)
            self.assertEqual(f"`{bar['name']}` is {bar['value']:g};" in first, not bar["holds"], bar["name"])
        self.assertEqual({row["specimen"] for row in found["tables"]["held_out"]}, {"rings", "meshes", "all"})
        self.assertTrue((folder / "out" / "figure-heldout.png").stat().st_size > 1000)

        again = measure.retime(config, folder / "out", report=small.silent)
        self.assertEqual({**again["tables"], "time": 0}, {**found["tables"], "time": 0})
        self.assertEqual(results.read(folder / "out")["bars"], again["bars"])


if __name__ == "__main__":
    unittest.main()
