"""The authors' own pictures beside ours: where a preview was cut, and what is said of it."""

import unittest
from unittest import mock

import numpy as np
import torch
from scipy import ndimage
from skimage import io

from deepscope_training.superres import authors

from . import small


def picture(seed=0, side=400):
    """A made specimen of spots and bands, grey values from 0 to 1."""
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.random((side, side)), 1.2)
    image = (image - image.min()) / (image.max() - image.min())
    return image * ndimage.gaussian_filter((rng.random((side, side)) > 0.999).astype(float) * 400, 12)


class Place(unittest.TestCase):
    def test_a_part_is_found_where_it_was_cut_though_its_greys_are_others(self):
        image = picture()
        for side, y, x in ((128, 37, 201), (256, 101, 63)):
            part = authors.brought(image[y : y + side, x : x + side], 128)
            self.assertEqual(authors.place(image, 40 + 90 * part), (side, y, x))


class Table(unittest.TestCase):
    """A network that answers with the truth is all like the authors' picture; its input is blurred."""

    def setUp(self):
        self.sharp = picture()
        self.blurred = torch.from_numpy(ndimage.gaussian_filter(self.sharp, 2.0))
        self.preview = 200 * self.sharp[101:357, 63:319]

    def row(self, answer):
        with mock.patch.object(authors, "previews", lambda: {"a": self.preview, "another": self.preview}):
            (row,) = authors.table({"a": (self.blurred, answer)})
        return row

    def test_the_truth_is_all_like_the_preview(self):
        row = self.row(torch.from_numpy(self.sharp))
        self.assertEqual((row["side"], row["y"], row["x"]), (256, 101, 63))
        self.assertAlmostEqual(row["network"], 1.0, places=6)
        self.assertAlmostEqual(row["detail_network"], 1.0, places=6)
        self.assertAlmostEqual(row["share_network"], row["share_authors"], places=6)
        self.assertLess(row["share_input"], 0.7 * row["share_authors"])
        self.assertLess(row["detail_input"], 0.95)

    def test_a_picture_with_colours_and_transparency_is_read_as_grey(self):
        folder = small.scratch(self)
        (folder / authors.FOLDER).mkdir(parents=True)
        grey = (self.preview / self.preview.max() * 255).astype(np.uint8)
        io.imsave(str(folder / authors.FOLDER / f"fitc{authors.ENDING}"), np.dstack([grey, grey, grey, np.full_like(grey, 255)]), check_contrast=False)
        with mock.patch.object(authors.real, "folder", lambda: folder):
            (found,) = authors.previews().items()
        self.assertEqual(found[0], "fitc")
        np.testing.assert_array_equal(found[1], grey)

    def test_without_the_data_there_is_nothing_to_say(self):
        with mock.patch.object(authors.real, "folder", lambda: None):
            self.assertEqual(authors.table({}), [])
