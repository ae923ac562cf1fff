"""Spectrum and source together through the service: once, renewed when either changes, shown beside the class."""

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from models.conformal.domains import LOW
from models.domain import Basis, Report
from models.joined.stored import write
from plugin.ops.show import on_file
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.web.pages.objects import read
from plugin.web.reading import Reading
from tests.fakes import needle_service
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.joiner import card, laws
from tests.fakes.marshal import WAVES, good
from tests.fakes.needle_service import open_service

NAME = "ZTF26aaaaaa0"


class WithBasis(FakeAnalyst):
    """Its spectra are of low resolution."""

    def _one(self, evidence: Any, caveats: Any) -> Report:
        report = super()._one(evidence, caveats)
        if report.verdict is None:
            return report
        shares = {"coverage": 1.0, "blue_end": 0.0, "red_end": 0.0}
        basis = Basis(probabilities=report.verdict.probabilities, epistemic=0.1, spacing_A=25.0, **shares)
        return replace(report, basis=basis)


def alert(candid: int, jd: float, **candidate: float) -> dict[str, Any]:
    packet = invented(NAME, candid, jd=jd, mag=18.0, epochs=0)
    return {**packet, "candidate": packet["candidate"] | candidate}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_alert(alert(100, 2461000.5, sgscore1=0.05, distpsnr1=0.5))
        running.add_source(NAME)
        running.add_candidate(NAME)
        running.add_spectrum(NAME, wavelengths=WAVES, fluxes=good("1", "x").fluxes)
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(needle_service, "FakeAnalyst", WithBasis)
    write(tmp_path / "joined", card(better=False), laws(), {LOW: np.linspace(0, 0.99, 60)}, {LOW: np.arange(60)})
    return tmp_path


def once(sandbox: Sandbox, folder: Path, **more: Any) -> dict[str, Any]:
    """One cycle; the source's annotation after it."""
    given = {"joined": "beside", "joined_folder": folder / "joined", "overlap_seconds": 0, **more}
    with open_service(sandbox.url, sandbox.token, folder, **given) as app:
        app.once()
    return next(a["data"] for a in sandbox.annotations() if a["origin"] == "ASTRANet" and "an_class" in a["data"])


def test_it_stands_beside_the_class_once_and_follows_the_alerts(sandbox, folder):
    first = once(sandbox, folder)
    assert first["an_class"] == "SN Ia"
    assert {"latitude", "counterpart"} <= set(first["an_joined_from"].split("|"))
    sandbox.forget_requests()
    assert once(sandbox, folder) == first
    assert sandbox.writes() == []
    sandbox.add_alert(alert(200, 2461002.5, sgscore1=0.99, distpsnr1=0.2))  # a star after all
    sandbox.add_candidate(NAME)
    second = once(sandbox, folder)
    assert second["an_joined_p_CV"] > first["an_joined_p_CV"]
    alone = [{k: v for k, v in body.items() if not k.startswith("an_joined_")} for body in (first, second)]
    assert alone[0] == alone[1]


def test_it_follows_a_new_spectrum(sandbox, folder):
    first = once(sandbox, folder)
    sandbox.add_spectrum(NAME, wavelengths=WAVES, fluxes=good("2", "x").fluxes)
    second = once(sandbox, folder)
    assert second["an_class"] != first["an_class"]
    assert second["an_joined_p_Ibc"] > first["an_joined_p_Ibc"]


@pytest.mark.parametrize("how", ["proven", "off"])
def test_what_is_not_proven_is_silent_and_everything_else_the_same(sandbox, folder, how):
    beside = once(sandbox, folder)
    (other := folder / "other").mkdir()
    silent = once(sandbox, other, joined=how, joined_folder=folder / "joined")
    assert silent == {k: v for k, v in beside.items() if not k.startswith("an_joined_")}


def test_terminal_and_page_say_it(sandbox, folder):
    body = once(sandbox, folder)
    given = {"joined": "beside", "joined_folder": folder / "joined"}
    with open_service(sandbox.url, sandbox.token, folder, **given) as app:
        out = StringIO()
        for part in on_file(app.store, NAME):
            Console(file=out, width=300).print(part)
        with app.store.begin(to_read=True) as unit:
            view = read(Reading(unit), NAME, 0.05)
    assert "with its source (latitude, counterpart" in out.getvalue()
    assert view.joined is not None
    assert f"{body['an_joined_class']} {body['an_joined_p']:.2f}" in view.joined
