"""`astranet similar`: for a file without a marshal, and for what is on file."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from models.analyst import Analyst
from models.bundle import load
from models.domain import Evidence, Spectrum, Target
from plugin.cli import app as astranet
from plugin.clock import utc_now
from plugin.cycle.spectra.likeness import remember
from plugin.cycle.spectra.sketch import binned, packed
from plugin.store import ASTRANET, Filed, open_store, spectrum

URL = "https://marshal.test"
WAVE = np.arange(3700.0, 9300.0, 8.0)
FLUX = 2 + np.sin(WAVE / 150)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command line in an empty folder, with whatever settings are given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASTRANET_DATA_DIR", raising=False)
    monkeypatch.setattr("plugin.ops.logs.configure", lambda **_: None)

    def called(*arguments, **settings):
        for name, text in settings.items():
            monkeypatch.setenv(f"ASTRANET_{name.upper()}", text)
        return CliRunner().invoke(astranet, ["similar", *arguments])

    return called


def test_a_file_needs_no_marshal(run, tmp_path):
    (tmp_path / "one.txt").write_text("".join(f"{w:.1f} {f:.5f}\n" for w, f in zip(WAVE, FLUX, strict=True)))
    (tmp_path / "bad.txt").write_text("".join(f"{w:.1f} {w % 7}\n" for w in WAVE[:90]))
    told = run("one.txt", "--json", "-n", "3")
    assert told.exit_code == 0, told.output
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [row["of"] for row in rows] == ["archive"] * 3
    assert all(-1 <= row["shape"] <= 1 and -1 <= row["network"] <= 1 for row in rows)
    refused = run("bad.txt")
    assert refused.exit_code == 0
    assert "coverage" in refused.output


def test_what_is_on_file(run, tmp_path):
    settings = {"database_url": f"sqlite:///{tmp_path / 'a.sqlite'}", "marshal_url": URL, "marshal_token": "x" * 20}
    seen = Spectrum(spectrum_id="7", wavelength_A=WAVE, flux=FLUX)
    report = Analyst(load()).run(Evidence(target=Target(target_id="ZTF26a"), spectrum=seen))
    sketch = packed(binned(WAVE, FLUX), 3600.0, 9400.0)
    about = {"producer": ASTRANET, "version": "1", "report": report, "facts": {"sketch": sketch}}
    with open_store(settings["database_url"], marshal=URL) as store, store.begin() as unit:
        for number, name, groups in (("7", "ZTF26a", (6,)), ("8", "ZTF26b", (6,)), ("9", "ZTF26c", (7,))):
            remember(
                unit, Filed(subject=spectrum(number), target_id=name, group_ids=groups, filed_at=utc_now(), **about)
            )
    told = run("ZTF26a", "--json", "-n", "5", group_ids="6", **settings)
    assert told.exit_code == 0, told.output
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert (rows[0]["object"], rows[0]["of"], rows[0]["shape"]) == ("ZTF26b", "marshal", 1.0)
    assert "ZTF26c" not in [row["object"] for row in rows]
    assert "ZTF26c" in run("7", "--everything").output
    nothing = run("ZTF26nothing")
    assert nothing.exit_code == 1
    assert "nothing is kept of ZTF26nothing" in nothing.output
    assert run("7", "--way", "colour").exit_code == 2
