"""Runs before every other import of the tests."""

import plugin  # noqa: F401 - one thread, as in the service (see there)
