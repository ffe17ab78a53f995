"""One hypothesis profile for all tests."""

from tests.laws import load_profile

load_profile()
