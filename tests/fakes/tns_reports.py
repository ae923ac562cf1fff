"""What the tests of reports to the TNS share: a service that has answered, and a stand-in of the TNS that knows it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from iris_client.protocols import TransientName
from iris_client.tns.mirror import TnsObject
from iris_client.tns.values import IdTables
from models.conformal.domains import HIGH
from models.conformal.purity import Purities, purities_of
from models.domain import FINE_CLASSES, Confidence, Report, Status, Target, Verdict
from plugin.sandbox.tns import reports as stand_in
from plugin.settings import Settings
from plugin.store import ASTRANET, Filed, Store, spectrum
from plugin.tns.reports.draft import Draft
from tests.fakes.marshal import FakeMarshal, good

BUNDLE = "fake-1@00000000"
SERVER = "https://sandbox.wis-tns.org"
KEY = "tns-key-0123456789"


def answer(
    target_id: str, spectrum_id: str, label: str = "SN Ia", p: float = 0.97, found: Any = None, **more: Any
) -> Report:
    """A sure answer about a spectrum of high resolution; `found` is what else the report has."""
    rest = (1.0 - p) / 6
    names = ("SN Ia", "SN Ibc", "SLSN", "SN II", "AGN", "CV", "TDE")
    verdict = Verdict(label=label, probabilities={n: p if n == label else rest for n in names}, coarse={})
    given = {"policy": "COMMIT", "calibration_cell": HIGH, **more}
    confidence = Confidence(
        prediction_sets={},
        method="lac",
        calibration_id="x",
        calibration_size=9,
        calibration_date="2026-06-01",
        **given,
    )
    return Report(
        target_id=target_id,
        spectrum_id=spectrum_id,
        status=Status.OK,
        verdict=verdict,
        confidence=confidence,
        bundle=BUNDLE,
        **(found or {}),
    )


def file(
    store: Store, marshal: FakeMarshal, report: Report, now: Any, *, target: Target | None = None, **raw: Any
) -> None:
    """Put an answer on file, its spectrum and source on the marshal, and the name of the source at the TNS."""
    target_id, spectrum_id = str(report.target_id), str(report.spectrum_id)
    shown = {"observers": ("A. Observer",), **raw}
    marshal.add(good(spectrum_id, target_id, **shown))
    if target is not None:
        marshal.targets[target_id] = target
    one = marshal.spectra[spectrum_id]
    filed = Filed(
        subject=spectrum(spectrum_id),
        producer=ASTRANET,
        target_id=target_id,
        version=str(one.modified),
        report=report,
        observed_at=one.observed_at,
        instrument=one.instrument,
        group_ids=(6,),
        filed_at=now - timedelta(hours=1),
    )
    with store.begin() as unit:
        unit.reports.put(filed)


def called(store: Store, target_id: str, name: str, now: Any, kind: str | None = None, z: float | None = None) -> None:
    """Write down what the TNS calls a source."""
    with store.begin() as unit:
        unit.names.put(target_id, TransientName(name=name, type=kind, redshift=z, source="mirror"), now)


def purities(second: str = "SLSN") -> Purities:
    """Calibration spectra by which SN Ia, CV and a second class are pure from 0.9 on."""
    rng = np.random.default_rng(1)
    label = np.repeat([0, FINE_CLASSES.index(second), 0, 5], 200)
    fine = np.full((800, 7), 0.01)
    p = rng.uniform(0.5, 0.99, 800)
    fine[np.arange(800), label] = p
    wrong = p < 0.9
    true = np.where(wrong & (rng.uniform(size=800) < 0.5), 1, label)
    return purities_of({"fine": fine, "label": true, "spacing": np.full(800, 5.0)}, BUNDLE)


def tables() -> IdTables:
    """As the stand-in has them."""
    return IdTables(types=stand_in.TYPES, instruments=stand_in.INSTRUMENTS, origin="the stand-in")


def make_draft(target_id: str = "ZTF26a", name: str = "2026abc", **change: Any) -> Draft:
    """A draft with nothing missing."""
    cut = {"threshold": 0.9, "purity": 0.97, "low": 0.9, "high": 0.99, "spectra": 120, "domain": HIGH}
    made = Draft(
        target_id=target_id,
        spectrum_id="1",
        version="2026-06-10T07:12:00.000001",
        name=name,
        label="SN Ia",
        type_name="SN Ia",
        probability=0.97,
        without_redshift=False,
        purity=cut,
        bundle=BUNDLE,
        redshift=0.05,
        redshift_source="the marshal (host)",
        observed_at="2026-06-09 05:00:00",
        instrument="SEDM",
        tns_instrument="SEDM",
        exposure_s=2250.0,
        observer="A. Observer",
        reducer="pysedm",
        classifier="A. Bee (Institute), on behalf of ASTRANet",
        group_id=48,
        file_name=f"{name}_20260609_SEDM.ascii",
        ascii="# OBJECT = x\n" + "".join(f"{w} {1 + 0.1 * np.sin(w / 90):.4e}\n" for w in range(3800, 9100, 15)),
        missing=(),
        numbers_from="the stand-in",
    )
    return replace(made, **change)


def tns_object(name: str = "2026abc", **change: Any) -> TnsObject:
    """An object nobody has classified."""
    number = sum(ord(c) * 31**i for i, c in enumerate(name)) % 1_000_000 + 1
    return replace(TnsObject(objid=number, prefix="AT", name=name, ra_deg=10.0, dec_deg=5.0), **change)


def report_settings(folder: Path, **values: Any) -> Settings:
    """Everything that reports need."""
    given = {
        "marshal_url": "http://marshal.test",
        "marshal_token": "5ec9e7aa-0000-4000-8000-00000000feed",
        "group_ids": (6,),
        "database_url": f"sqlite:///{folder / 'astranet.sqlite'}",
        "output_dir": folder / "output",
        "dry_run": False,
        "sweep_hours": 0,
        "tns_report_purity": 0.95,
        "tns_bot_id": 4242,
        "tns_bot_name": "sandbox_bot",
        "tns_api_key": "sandbox-tns-key",
        "tns_group_id": 48,
        "tns_classifier": "A. Bee (Institute)",
    }
    return Settings(**{**given, **values})
