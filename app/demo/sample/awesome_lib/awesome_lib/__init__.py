"""Names for pets."""


def greet(name):
    """A greeting for a pet, by its name."""
    return "Hello, {}!".format(name.strip().capitalize())
