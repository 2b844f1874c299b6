from setuptools import setup

setup(name="awesome_lib", version="1", packages=["awesome_lib"])
