"""Batches made ahead, by a thread or by other processes: always those that the number alone determines."""

import unittest

import torch

from deepscope_training import feeder, pool
from deepscope_training.superres import batches

from . import small


class Feeding(unittest.TestCase):
    def setUp(self):
        self.config, self.folder = small.config(), small.scratch(self) / "pool"
        pool.fill(self.config, self.folder, report=small.silent)

    def check(self, processes):
        fields = pool.Pool(self.folder)
        food = feeder.Feeder(self.config, self.folder, fields, 2, processes=processes)
        self.addCleanup(food.end)
        for number in range(5, 9):
            for found, wanted in zip(food.take(number, 8), batches.batch(self.config, fields, 2, 8, number)):
                self.assertTrue(torch.equal(found, wanted), number)

    def test_a_thread_gives_them_in_order(self):
        self.check(0)

    def test_processes_give_the_same(self):
        self.check(2)


class Pool(unittest.TestCase):
    def test_several_processes_make_the_same_pool(self):
        from deepscope_training import __main__ as command

        config, folder = small.config(), small.scratch(self)
        pool.fill(config, folder / "one", report=small.silent)
        command.fill(command.parse(["pool", "widefield-sr", "--workers", "2"]), config, folder / "many")
        self.assertEqual(pool.available(folder / "many", 99), config.data.fields)
        one, many = pool.Pool(folder / "one"), pool.Pool(folder / "many")
        for index in range(config.data.fields):
            self.assertTrue((one[index]["low"] == many[index]["low"]).all())


if __name__ == "__main__":
    unittest.main()
