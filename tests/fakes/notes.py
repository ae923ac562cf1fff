"""Answers that notes are made of, of every kind."""

from datetime import datetime
from typing import Any

from iris_client.taxonomy.trust import settle
from models.domain import (
    FINE_CLASSES,
    NEEDLE_CLASSES,
    Anomaly,
    Caveat,
    CaveatCode,
    Confidence,
    HostVerdict,
    Report,
    Status,
    Target,
    Verdict,
)
from plugin.notes import Entry, Period
from plugin.notes.figures import DomainFigures, Figure, Figures, Measured
from plugin.notes.kinds import AnomaliesKind, CandidatesKind, ClassesKind
from plugin.notes.kinds.anomalies import Tested
from plugin.store import ASTRANET, Filed, spectrum

NIGHT = Period.parse("2026-06-10")
AS_OF = datetime(2026, 6, 11, 12, 5)
MJD = 61200.0
"""2026-06-10."""


def _measured(value: float) -> Measured:
    return Measured(
        purity=Figure(value, value - 0.1, value + 0.05, "81 of 100 spectra"), recall=Figure(0.7, 0.6, 0.8, "70 of 100")
    )


def figures(*, of_selection: bool = True) -> Figures:
    """Other figures at each resolution, so that a text shows which it quotes."""
    made = {
        name: DomainFigures(measured={c: _measured(value) for c in FINE_CLASSES}, spectra={"SN Ia": 100, "TDE": 12})
        for name, value in (("low resolution", 0.81), ("high resolution", 0.92))
    }
    return Figures(domains=made, of_selection=of_selection)


CLASSES = ClassesKind(figures=figures())
ANOMALIES = AnomaliesKind(tested={"low resolution": Tested(428, 32, 0.53)})
CANDIDATES = CandidatesKind(figures={"TDE": _measured(0.55), "SLSN-I": _measured(0.27)})
KINDS = (CLASSES, ANOMALIES, CANDIDATES)


def target(name: str = "ZTF26a", **facts: Any) -> Target:
    """An object that nobody has typed."""
    known = {"ra_deg": 10.0, "dec_deg": -3.25, "redshift": 0.05, "tns_name": "AT 2026abc"}
    return Target(target_id=name, **{**known, **facts})


def report(
    target_id: str = "ZTF26a",
    spectrum_id: str = "1",
    *,
    label: str = "SN Ia",
    p: float = 0.95,
    members: tuple[str, ...] | None = None,
    bundle: str = "compact-1@abc",
    cell: str | None = "low resolution",
    policy: str = "COMMIT",
    rarity: float = 0.3,
    fired: tuple[str, ...] = ("distance",),
    **more: Any,
) -> Report:
    """An answer about a spectrum, with its anomaly score."""
    rest = (1 - p) / 6
    return Report(
        target_id=target_id,
        spectrum_id=spectrum_id,
        status=Status.OK,
        verdict=Verdict(label=label, probabilities={c: p if c == label else rest for c in FINE_CLASSES}, coarse={}),
        confidence=Confidence(
            prediction_sets={"0.05": (label,) if members is None else members, "0.1": (label,)},
            method="lac",
            calibration_id="cal",
            calibration_size=500,
            calibration_date="2026-01-01",
            calibration_cell=cell,
            policy=policy,
            p_mondrian=rarity,
            p_mondrian_cell=label,
        ),
        anomaly=Anomaly(
            score=1 - rarity,
            flagged=policy == "ALERT",
            threshold=0.9,
            scores={},
            families={},
            fired=fired,
            resembles="disguise" if policy == "ALERT" else None,
            neighbours=({"object": "SN2011fe", "class": "SN Ia", "phase_days": 3.0, "distance": 0.1},),
        ),
        bundle=bundle,
        **more,
    )


def refused(target_id: str = "ZTF26a", spectrum_id: str = "1") -> Report:
    """That there is no class."""
    caveat = Caveat(code=CaveatCode.LOW_COVERAGE, text="coverage 30 % of 3850-9000 A, 80 % needed")
    return Report.refusal(target_id=target_id, spectrum_id=spectrum_id, caveats=[caveat], bundle="b", input_hash="h")


def entry(
    name: str = "ZTF26a",
    spectrum_id: str = "1",
    *,
    simulated: bool = False,
    known: dict[str, Any] | None = None,
    observed_at: str | None = "2026-06-10T20:15:00",
    said: Report | None = None,
    **about: Any,
) -> Entry:
    """An answer about a spectrum with its object; `known` are facts of the object, `about` of the report."""
    found = target(name, **(known or {}))
    return Entry(
        target=found,
        settled=settle(found),
        report=said or report(name, spectrum_id, **about),
        instrument="SEDM",
        observed_at=observed_at,
        simulated=simulated,
    )


def candidate(
    name: str = "ZTF26a",
    *,
    label: str = "TDE",
    score: float = 0.9,
    days: tuple[float, ...] = (2.0, 5.0, 9.0),
    scores: tuple[float, ...] = (0.2, 0.85, 0.9),
    discovery: float | None = MJD - 9,
    spectra: tuple[Filed, ...] = (),
    simulated: bool = False,
    known: dict[str, Any] | None = None,
    bundle: str = "needle-4@6279b9d7 TH purity",
    details: dict[str, Any] | None = None,
) -> Entry:
    """NEEDLE's answer about an object; `scores` of its class at so many `days` after discovery."""
    found = target(name, **(known or {}))
    place = 1 + NEEDLE_CLASSES.index(label)
    history = []
    for day, value in zip(days, scores, strict=True):
        row = [MJD - 9 + day, 0.0, 0.0, 0.0]
        row[place] = value
        history.append(row)
    made: dict[str, Any] = {"history": history, "host_sep_arcsec": 0.8}
    made |= {} if discovery is None else {"discovery_mjd": discovery}
    verdict = HostVerdict(
        label=label,
        probabilities={c: score if c == label else (1 - score) / 2 for c in NEEDLE_CLASSES},
        model=bundle,
        details=made | (details or {}),
    )
    said = Report(target_id=name, spectrum_id=None, status=Status.OK, host_verdict=verdict, bundle=bundle)
    return Entry(
        target=found,
        settled=settle(found),
        report=said,
        simulated=simulated,
        facts={"n_g": 5, "n_r": 4},
        spectra=spectra,
    )


def filed(said: Report, observed_at: str = "2026-06-10T05:00:00") -> Filed:
    """A report on file."""
    return Filed(
        subject=spectrum(said.spectrum_id or "1"),
        producer=ASTRANET,
        target_id=said.target_id or "ZTF26a",
        version="2026-06-10T20:00:00.000000",
        report=said,
        observed_at=observed_at,
        instrument="SEDM",
        filed_at=AS_OF,
    )
