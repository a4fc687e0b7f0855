"""What classical methods reached is found again only where nothing that it follows from has changed."""

import contextlib
import dataclasses
import io
import sys
import types
import unittest

import numpy as np
import torch

from deepscope_training import remembered
from deepscope_training.superres import fields, rivals

from . import small

calls = []


@remembered.by(sys.modules[__name__])
def costly(config, images, settings):
    calls.append(settings)
    return [{"psnr": float(images.sum()) / 3, "count": settings}]


class Remembered(unittest.TestCase):
    def setUp(self):
        calls.clear()
        self.folder = small.scratch(self) / "rivals"
        remembered.keep(self.folder)
        self.addCleanup(remembered.keep, None)
        self.config, self.images = small.config_with(), torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(1))

    def test_the_same_question_is_computed_once_and_answered_to_the_last_bit(self):
        first = costly(self.config, self.images, [3])
        self.assertEqual(costly(self.config, self.images.clone(), [3]), first)
        self.assertEqual(costly(dataclasses.replace(self.config, evaluation=dataclasses.replace(self.config.evaluation, fields=99)), self.images, [3]), first)
        self.assertEqual(len(calls), 1)

    def test_another_pixel_setting_or_optics_is_another_question(self):
        costly(self.config, self.images, [3])
        other = self.images.clone()
        other[1, 4, 4] = float(np.nextafter(np.float32(other[1, 4, 4]), np.float32(2)))
        costly(self.config, other, [3])
        costly(self.config, self.images.reshape(2, 25), [3])
        costly(self.config, self.images, [4])
        costly(self.config, self.images, None)
        costly(small.config_with(spherical=0.01), self.images, [3])
        self.assertEqual(len(calls), 6)

    def test_a_damaged_answer_is_computed_anew_and_mended(self):
        costly(self.config, self.images, [3])
        (kept,) = self.folder.iterdir()
        kept.write_text("{", encoding="utf-8")
        costly(self.config, self.images, [3])
        costly(self.config, self.images, [3])
        self.assertEqual(len(calls), 2)

    def test_another_source_is_another_question_and_a_folder_that_cannot_be_written_stops_nothing(self):
        source = self.folder.parent / "method.py"

        def asked(text):
            source.write_text(text, encoding="utf-8")
            return remembered.by(types.SimpleNamespace(__file__=source))(lambda config, value: calls.append(value) or [value])

        for text in ("one", "another", "one"):
            asked(text)(self.config, 3)
        self.assertEqual(len(calls), 2)
        remembered.keep(source / "below a file")
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(costly(self.config, self.images, [3])[0]["count"], [3])
        self.assertIn("cannot be kept", said.getvalue())

    def test_nothing_is_written_where_no_folder_is_named(self):
        remembered.keep(None)
        costly(self.config, self.images, [3])
        self.assertFalse(self.folder.exists())

    def test_what_deconvolution_reached_is_the_same_from_memory(self):
        config = small.config_with(iterations=[1, 2])
        pairs = fields.seen(config, 2)
        images, targets, electrons = fields.shots(config, pairs, 500, seed=1)
        chosen = rivals.choose(config, pairs, 500, 2)
        for settings in (chosen, None):
            first = rivals.figures(config, images, electrons, targets, settings)
            self.assertEqual(rivals.figures(config, images, electrons, targets, settings), first)
            remembered.keep(None)
            self.assertEqual(rivals.figures(config, images, electrons, targets, settings), first)
            remembered.keep(self.folder)
        self.assertEqual(rivals.choose(config, pairs, 500, 2), chosen)
        self.assertEqual(len(list(self.folder.iterdir())), 3)


if __name__ == "__main__":
    unittest.main()
