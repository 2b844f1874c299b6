import unittest

from awesome_lib import greet


class Greet(unittest.TestCase):
    def test_capitalizes(self):
        self.assertEqual(greet("rex"), "Hello, Rex!")

    def test_strips(self):
        self.assertEqual(greet("  tom "), "Hello, Tom!")
