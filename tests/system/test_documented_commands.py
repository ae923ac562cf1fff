"""The commands of the guides, run as they stand there, one after the other, against an embedded marshal."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from plugin.sandbox import Sandbox
from tests.fakes.marshal import WAVES, good

ROOT = Path(__file__).parents[2]
GUIDES = ("README.md", "docs/reading.md", "docs/operations.md", "docs/upgrading.md", "docs/worked-examples.md")
SOURCE = "ZTF26aaaaaa0"
ELSEWHERE = {
    "run": "tests/plugin/commands/test_service_commands.py",
    "demo --serve": "tests/plugin/web/test_browser.py",
    "evaluate spectra --data FOLDER --out results": "tests/plugin/lab/spectra/test_evaluation.py",
    "db downgrade 0014": "below, on a database that nobody needs",
}
"""What is not run here, and where it is."""


def written() -> list[str]:
    """Every command of the guides in the order of reading, each once."""
    texts = ((ROOT / name).read_text() for name in GUIDES)
    found = [c for text in texts for c in re.findall(r"\.venv/bin/astranet ([^`#\n]+)", text)]
    return list(dict.fromkeys(" ".join(c.split()) for c in found))


def run(arguments: str, folder: Path, env: dict[str, str]) -> str:
    command = [sys.executable, "-P", "-c", "from plugin.cli import app; app()", *shlex.split(arguments)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"astranet {arguments}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def outside() -> dict[str, str]:
    """The environment of somebody who has no setting yet."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ASTRANET_")}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


@pytest.mark.slow
def test_the_guides_commands_do_what_they_say(tmp_path, outside):
    with Sandbox() as marshal:
        marshal.add_source(SOURCE)
        marshal.add_spectrum(SOURCE, wavelengths=WAVES, fluxes=good("1", "x").fluxes)
        lines = "".join(f"{w:.1f} {f:.6f}\n" for w, f in zip(WAVES, good("1", "x").fluxes, strict=True))
        (tmp_path / "one.txt").write_text(lines)
        ran = set()
        for command in written():
            if command in ELSEWHERE:
                continue
            ran.add(command.split()[0])
            asked = command.replace("SOURCE", SOURCE).replace("spectra.parquet other.fits", "one.txt")
            asked, _, into = asked.partition(" > ")
            said = run(asked, tmp_path, outside)
            if into == ".env":
                (tmp_path / "token").write_text(marshal.token)
                filled = {
                    "ASTRANET_MARSHAL_URL": marshal.url,
                    "ASTRANET_MARSHAL_TOKEN_FILE": str(tmp_path / "token"),
                    "ASTRANET_GROUP_IDS": str(marshal.group_id),
                    "ASTRANET_DATABASE_URL": f"sqlite:///{tmp_path / 'astranet.sqlite'}",
                    "ASTRANET_OUTPUT_DIR": str(tmp_path / "output"),
                }
                for name, value in filled.items():
                    said = re.sub(rf"^#?{name}=.*$", lambda _, n=name, v=value: f"{n}={v}", said, flags=re.M)
                (tmp_path / ".env").write_text(said)
            if command.startswith("show SOURCE"):
                assert SOURCE in said
        assert (tmp_path / "answers.jsonl").read_text().count("\n") == 1
        assert marshal.writes() == []  # a dry run, as the guide promises
    assert {"env-example", "doctor", "once", "show", "classify", "bundle"} <= ran


def test_the_way_back_to_an_older_schema(tmp_path, outside):
    outside |= {"ASTRANET_DATABASE_URL": f"sqlite:///{tmp_path / 'a.sqlite'}"}
    from plugin.store import migrate
    from plugin.store.engine import make_engine, parse_url

    engine = make_engine(parse_url(outside["ASTRANET_DATABASE_URL"]))
    migrate.upgrade(engine)
    assert str(migrate.head()) in run("db status", tmp_path, outside)
    (command,) = [c for c in written() if c.startswith("db downgrade")]
    run(command, tmp_path, outside)
    assert migrate.revisions(engine)[0] == command.split()[2]
    engine.dispose()


def test_nothing_is_left_out_in_silence():
    assert set(ELSEWHERE) <= set(written())
    for place in ELSEWHERE.values():
        assert not place.startswith("tests/") or (ROOT / place).is_file(), place
