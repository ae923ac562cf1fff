"""Filling the sandbox from a file and from the simulator, and the command that serves it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.domain import FINE_CLASSES
from plugin.sandbox import Sandbox
from plugin.sandbox.load import HUMAN_CLASSES, ODD_KINDS
from plugin.sandbox.skyportal.taxonomy import class_names

DATA = os.environ.get("ASTRANET_DATA_DIR")


def test_every_class_has_a_name_in_the_taxonomy() -> None:
    assert set(HUMAN_CLASSES) == set(FINE_CLASSES)
    assert set(HUMAN_CLASSES.values()) <= class_names()


def test_simulated_sandbox() -> None:
    sandbox = Sandbox.simulated(n_sources=40, seed=1)
    state = sandbox.state
    assert len(state.sources) == 40
    per_source = [sum(s.obj_id == name for s in state.spectra.values()) for name in state.sources]
    assert set(per_source) == {1, 2}
    assert set(sandbox.truths) == {str(i) for i in state.spectra}
    assert set(FINE_CLASSES) <= set(sandbox.truths.values())
    assert set(ODD_KINDS) <= set(sandbox.kinds.values())
    assert 14 <= sum(s.redshift is not None for s in state.sources.values()) <= 22
    assert 3 <= len(state.classifications) <= 8
    assert state.photometry
    for spectrum in state.spectra.values():
        assert spectrum.origin == "simulated"
        assert spectrum.altdata == {"simulated": True}
        assert "simulated" in (spectrum.label or "")


def test_simulated_sandbox_is_reproducible() -> None:
    first, second = (Sandbox.simulated(n_sources=8, seed=2) for _ in range(2))
    assert [s.fluxes for s in first.state.spectra.values()] == [s.fluxes for s in second.state.spectra.values()]
    assert first.truths == second.truths


def test_small_simulated_sandbox() -> None:
    assert len(Sandbox.simulated(n_sources=1).state.sources) == 1
    assert len(Sandbox.simulated(n_sources=3).state.sources) == 3


def test_truth_never_reaches_the_marshal() -> None:
    with Sandbox.simulated(n_sources=6, seed=0) as sandbox:
        headers = {"Authorization": f"token {sandbox.token}"}
        told = httpx.get(f"{sandbox.url}/api/spectra", headers=headers, timeout=10).text
    assert "SN Ia" not in told
    assert "blazar" not in told


def table(path: Path) -> Path:
    rows = {
        "spec_id": ["a__001", "a__002", "b__001", "c__001"],
        "object_id": ["SN 2020abc", "SN 2020abc", "AT2021x/y", None],
        "fine_class": ["SN Ia", "SN Ia", None, None],
        "rare_class": [None, None, "Kilonova", None],
        "redshift": [0.02, 0.02, None, None],
        "mjd": [59000.25, None, 59100.0, None],
        "obs_date": [None, "2020-07-01", None, None],
        "wavelength": [[4000.0, 5000.0]] * 4,
        "flux": [[1.0, 2.0], [1.0], [float("nan"), 1.0], []],
    }
    pq.write_table(pa.table(rows), path)
    return path


def test_load_parquet(tmp_path: Path) -> None:
    sandbox = Sandbox.from_parquet(table(tmp_path / "some.parquet"))
    spectra = list(sandbox.state.spectra.values())
    assert [s.obj_id for s in spectra] == ["SN_2020abc", "SN_2020abc", "AT2021x_y", "c__001"]
    assert sandbox.truths == {"1": "SN Ia", "2": "SN Ia", "3": "Kilonova"}
    assert spectra[0].observed_at.isoformat() == "2020-05-31T06:00:00"
    assert spectra[1].observed_at.isoformat() == "2020-07-01T00:00:00"
    assert spectra[2].fluxes == [None, 1.0]
    assert spectra[0].altdata == {"spec_id": "a__001", "instrument": None}
    assert sandbox.state.sources["SN_2020abc"].redshift == 0.02


def test_load_stops_at_the_limit(tmp_path: Path) -> None:
    assert len(Sandbox.from_parquet(table(tmp_path / "some.parquet"), limit=2).state.spectra) == 2


@pytest.mark.skipif(not DATA, reason="needs ASTRANET_DATA_DIR with real spectra")
def test_load_real_spectra() -> None:
    sandbox = Sandbox.from_parquet(Path(DATA or "") / "spectra" / "spectra_pool.parquet", limit=60)
    assert len(sandbox.state.spectra) == len(sandbox.truths) == 60
    assert set(sandbox.truths.values()) <= set(FINE_CLASSES)
    with sandbox:
        headers = {"Authorization": f"token {sandbox.token}"}
        rows = httpx.get(f"{sandbox.url}/api/spectra", headers=headers, timeout=20).json()["data"]
    assert len(rows) == 60
    assert all(len(row["wavelengths"]) == len(row["fluxes"]) > 50 for row in rows)


# A shell that starts tests in the background has Ctrl-C ignored in everything below it.
_HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "


def test_command_serves_until_interrupted() -> None:
    program = _HEARS_CTRL_C + "from plugin.cli import app; app()"
    command = [sys.executable, "-u", "-c", program, "sandbox", "--n-sources", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = ""
            for line in process.stdout:
                told += line
                if "astranet once" in line:
                    break
            settings = dict(re.findall(r"export (ASTRANET_\w+)=(\S+)", told))
            headers = {"Authorization": f"token {settings['ASTRANET_MARSHAL_TOKEN']}"}
            answer = httpx.get(f"{settings['ASTRANET_MARSHAL_URL']}/api/sources", headers=headers, timeout=10)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()  # or a failure here would wait for it forever
    assert answer.json()["data"]["totalMatches"] == 2
    assert settings["ASTRANET_GROUP_IDS"] == "6"
