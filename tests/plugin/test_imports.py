"""What is not loaded: by the help, by the answer to one spectrum, and by a running service. No clock is asked."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.marshal import WAVES, good

TRAINING = ("lightgbm", "sklearn", "pandas", "skimage", "models.training")
"""What trainings use."""
ROOMS = ("plugin.lab", "plugin.sandbox", "strawberry", "starlette", "uvicorn")
FILES = ("pyarrow", "astropy", "dask", "distributed")
SERVICE = """
import plugin.app, plugin.ops.schedule, plugin.ops.doctor, plugin.notes.nightly, plugin.tns.names
import plugin.cycle.objects.part, plugin.sources.alerts
import iris_client.brokers.http, iris_client.brokers.kept
import models.analyst, models.bundle, models.needle.model, models.needle.objects
models.bundle.load(), models.needle.model.load()
"""


def loaded(script: str, *arguments: str) -> set[str]:
    """Modules that a fresh interpreter has when a script ends."""
    head = "import atexit, json, sys; atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules))))\n"
    done = subprocess.run([sys.executable, "-c", head + script, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def astranet(*arguments: str) -> set[str]:
    return loaded("from plugin.cli import app; app()", *arguments)


def among(modules: set[str], *names: str) -> set[str]:
    return {m for m in modules for name in names if m == name or m.startswith(name + ".")}


@pytest.mark.parametrize(
    "arguments", [("--help",), ("classify", "--help"), ("bundle", "--help"), ("backfill", "--help")]
)
def test_help_loads_no_library_of_the_work(arguments: tuple[str, ...]) -> None:
    work = (
        "numpy",
        "torch",
        "scipy",
        "matplotlib",
        "sqlalchemy",
        "alembic",
        "httpx",
        "requests",
        "jinja2",
        "structlog",
    )
    assert not among(astranet(*arguments), *work, "models", "pydantic_settings", *TRAINING, *FILES, *ROOMS[2:])


def test_one_spectrum_is_answered_without_what_it_does_not_need(tmp_path: Path) -> None:
    path, out = tmp_path / "one.txt", tmp_path / "answers.jsonl"
    np.savetxt(path, np.column_stack([WAVES, good("1", "x").fluxes]))
    modules = astranet("classify", str(path), "--out", str(out))
    assert json.loads(out.read_text())["status"] == "ok"
    assert "torch" in modules
    assert not among(modules, "scipy", "matplotlib", "sqlalchemy", "httpx", "requests", *TRAINING, *FILES, *ROOMS[2:])


def test_a_service_with_its_models_loads_neither_trainings_nor_drawing_nor_sandbox() -> None:
    modules = loaded(SERVICE)
    assert {"torch", "sqlalchemy", "httpx", "scipy.ndimage"} <= modules
    assert not among(modules, "matplotlib", "pyarrow", *TRAINING, *ROOMS)
