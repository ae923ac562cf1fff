"""Starlette's test client, which already asks for a successor of httpx that is no dependency of ours yet."""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Using `httpx` with")
    from starlette.testclient import TestClient as TestClient
