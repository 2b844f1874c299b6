import unittest

from pet_api import answer


class Answer(unittest.TestCase):
    def test_greets(self):
        self.assertEqual(answer("/rex"), (200, "Hello, Rex!"))

    def test_no_name(self):
        self.assertEqual(answer("/")[0], 404)
