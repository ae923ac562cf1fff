"""The service in an environment with what `pyproject.toml` requires and no extra: it works, and says what is missing.

The environment is a fresh one into which the installed packages are linked that the base dependencies need, and those
that these need in turn; of the checkout neither laboratory nor sandbox nor trainings. No index is asked for anything.
"""

import json
import os
import subprocess
import tomllib
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from plugin.sandbox import Sandbox
from tests.fakes.marshal import WAVES, good

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LEFT_OUT = {"plugin": {"lab", "sandbox"}, "models": {"training"}, "iris_client": set()}
RUN = """
import atexit, json, pathlib, sys
atexit.register(lambda: pathlib.Path("modules.json").write_text(json.dumps(sorted(sys.modules))))
from plugin.cli import app
app()
"""


def closure(requirements: Iterable[str]) -> dict[str, Distribution]:
    """The installed distributions of some requirements, and of theirs."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    todo = [(Requirement(r), "") for r in requirements]
    while todo:
        wanted, extra = todo.pop()
        name = canonicalize_name(wanted.name)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        for asked in {"", *wanted.extras} - {e for n, e in seen if n == name}:
            seen.add((name, asked))
            found[name] = distribution(name)
            todo += [(Requirement(r), asked) for r in found[name].requires or ()]
    return found


def link(distributions: Iterable[Distribution], site: Path) -> None:
    for one in distributions:
        assert one.files is not None
        for top in {file.parts[0] for file in one.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(one.locate_file(top))).resolve())


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of the environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    link(closure(PROJECT["dependencies"]).values(), site)
    for package, absent in LEFT_OUT.items():
        (site / package).mkdir()
        for path in (ROOT / package).iterdir():
            if path.name not in absent | {"__pycache__"}:
                (site / package / path.name).symlink_to(path)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A marshal in this process, with spectra and with alerts."""
    with Sandbox.simulated(n_sources=2, seed=0, candidates=2) as running:
        yield running


def run(python: Path, folder: Path, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ASTRANET_", "PYTHON"))}
    given = {f"ASTRANET_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [python, "-c", RUN, *arguments], cwd=folder, env=clean | given, capture_output=True, text=True
    )


def test_the_environment_has_no_extra(python: Path) -> None:
    extras = [Requirement(r) for rs in PROJECT["optional-dependencies"].values() for r in rs]
    names = {canonicalize_name(r.name) for r in extras} - set(closure(PROJECT["dependencies"]))
    assert {"pyarrow", "strawberry-graphql", "scikit-image", "pytest"} <= names
    absent = ("pyarrow", "strawberry", "skimage", "pandas", "pytest", "plugin.lab", "plugin.sandbox", "models.training")
    script = f"from importlib.util import find_spec; print([m for m in {absent} if find_spec(m)])"
    done = subprocess.run([python, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_cycle_answers_spectra_and_alerts(python: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {
        "marshal_url": sandbox.url,
        "marshal_token": sandbox.token,
        "group_ids": sandbox.group_id,
        "database_url": f"sqlite:///{tmp_path / 'astranet.sqlite'}",
        "output_dir": tmp_path,
        "alert_source": "marshal",
        "dry_run": "false",
        "requests_per_second": 1e4,
    }
    done = run(python, tmp_path, "once", **settings)
    assert done.returncode == 0, done.stderr
    assert {a["origin"] for a in sandbox.annotations()} == {"ASTRANet", "NEEDLE"}
    modules = {m.partition(".")[0] for m in json.loads((tmp_path / "modules.json").read_text())}
    assert "torch" in modules
    assert not modules & {"sklearn", "lightgbm"}  # required, for trainings; a service loads neither
    written = len(sandbox.writes())
    assert run(python, tmp_path, "once", **settings).returncode == 0
    assert len(sandbox.writes()) == written


def test_a_text_file_is_answered_and_a_parquet_file_needs_an_extra(python: Path, tmp_path: Path) -> None:
    text, parquet, out = tmp_path / "one.txt", tmp_path / "many.parquet", tmp_path / "out.jsonl"
    np.savetxt(text, np.column_stack([WAVES, good("1", "x").fluxes]))
    parquet.write_bytes(b"PAR1")
    assert run(python, tmp_path, "classify", str(text), "--out", str(out)).returncode == 0
    assert json.loads(out.read_text())["status"] == "ok"
    for command in ("classify", "needle"):
        done = run(python, tmp_path, command, str(parquet), "--out", str(out))
        assert done.returncode == 2, done.stderr
        assert "pip install 'astranet-annotator[files]'" in done.stderr


def test_what_is_not_there_is_named(python: Path, tmp_path: Path) -> None:
    done = run(python, tmp_path, "demo")
    assert done.returncode == 2
    assert "astranet-annotator[sandbox]" in done.stderr
    assert "astranet-annotator[lab]" in run(python, tmp_path, "--help").stdout
