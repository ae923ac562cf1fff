"""The demo's story on a small sandbox with an analyst without a network: what it writes, and when it must fail."""

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console
from structlog.testing import capture_logs

from plugin.app import build
from plugin.cycle.spectra.sketch import floats
from plugin.sandbox import Record, Sandbox
from plugin.sandbox.demo.run import DemoFailed, kinds, live_settings, tell
from tests.fakes.analyst import FakeAnalyst

WAVES = np.linspace(3700.0, 9200.0, 500)


@pytest.fixture
def sandbox():
    with Sandbox() as marshal:
        for n in range(1, 5):
            marshal.add_source(f"ZTF26aa{n}", redshift=0.05)
            flux = 1 + 0.5 * np.sin(WAVES / (60 + 9 * n)) + 0.3 * np.cos(WAVES / 31)
            stop = 60 if n == 4 else 500
            marshal.add_spectrum(
                f"ZTF26aa{n}", wavelengths=WAVES[:stop], fluxes=flux[:stop], origin="simulated", truth="SN Ia"
            )
        yield marshal


@pytest.fixture
def app(sandbox, tmp_path):
    with build(live_settings(sandbox, tmp_path), analyst=FakeAnalyst()) as built:
        yield built


def run(app, sandbox, out):
    out.mkdir()
    console = Console(file=io.StringIO(), width=140)
    page = tell(app, sandbox, out, seed=3, console=console)
    return page.read_text(), console.file.getvalue()


def test_two_cycles_a_page_and_a_table(app, sandbox, tmp_path):
    html, terminal = run(app, sandbox, tmp_path / "out")
    assert "Cycle 2: 0 writing requests" in terminal
    assert html.count("<svg") == 4
    for n in range(1, 5):
        assert f"ZTF26aa{n}" in html
        assert f"ZTF26aa{n}" in terminal
    assert "Not classified, and why" in html
    assert sandbox.token not in html + terminal
    held = [a for a in sandbox.annotations() if a["kind"] == "spectrum"]
    assert len(held) == 3


def test_a_second_cycle_that_writes_fails_the_demo_and_leaves_the_page(app, sandbox, tmp_path):
    once = app.once
    cycles = []

    def and_upload_another():
        cycles.append(1)
        if len(cycles) == 2:
            flux = 1 + 0.5 * np.sin(WAVES / 50)
            sandbox.add_spectrum("ZTF26aa1", wavelengths=WAVES, fluxes=flux, truth="SN Ia")
        return once()

    app.once = and_upload_another
    with pytest.raises(DemoFailed, match="still sent 2 writing requests"):
        run(app, sandbox, tmp_path / "out")
    assert "must be 0" in (tmp_path / "out" / "index.html").read_text()


def test_a_cycle_that_leaves_work_over_fails_the_demo(app, sandbox, tmp_path):
    app.analyst.fails_on = frozenset({"1"})
    with capture_logs() as logged, pytest.raises(DemoFailed, match="left over"):
        run(app, sandbox, tmp_path / "out")
    assert "the models failed" in {line["event"] for line in logged}


def test_nothing_written_fails_the_demo(sandbox, tmp_path):
    for spectrum in list(sandbox.state.spectra):
        sandbox.delete_spectrum(spectrum)
    with (
        build(live_settings(sandbox, tmp_path), analyst=FakeAnalyst()) as app,
        pytest.raises(DemoFailed, match="wrote nothing"),
    ):
        run(app, sandbox, tmp_path / "out")


def test_a_simulated_sandbox_is_told_as_such(tmp_path):
    with Sandbox.simulated(n_sources=7, seed=5, candidates=2) as sandbox:
        with build(live_settings(sandbox, tmp_path), analyst=FakeAnalyst()) as app:
            html, terminal = run(app, sandbox, tmp_path / "out")
        posts = {a["place"]: a["data"] for a in sandbox.annotations() if a["origin"] == "NEEDLE"}
        assert "What NEEDLE says of their alerts" in html
        assert set(posts) >= {name for name, s in sandbox.state.sources.items() if not s.saves}  # without a spectrum
        for name in posts:
            assert re.search(rf"Light curve of {name}: [\d.]+ to [\d.]+ mag", html)
        for spectrum, kind in sandbox.kinds.items():
            assert f"spectrum {spectrum}" in html
            assert kind.rpartition("/")[2] in html
        assert "Every object and spectrum on this page is made up" in html
        assert "refused with a reason" in terminal


def test_requests_are_counted_by_what_they_are_about():
    paths = ["/api/spectra/1/annotations", "/api/spectra/2/annotations", "/api/sources/x/annotations", "/api/other"]
    writes = [Record("POST", p, 200) for p in paths]
    assert dict(kinds(writes)) == {
        "annotation on a spectrum (POST)": 2,
        "annotation on a source (POST)": 1,
        "/api/other (POST)": 1,
    }


def test_whatever_was_uploaded_becomes_numbers():
    assert json.dumps(floats([1, None, "x", 2.5])) == "[1.0, NaN, NaN, 2.5]"
    assert floats("3800, 3900") == ()
    assert floats(None) == ()
    assert floats(np.array([1.0, 2.0])) == (1.0, 2.0)
