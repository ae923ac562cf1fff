"""The commands' work on a tiny set: a bank goes into a bundle, changes no weight, and is measured on other objects."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from iris_client.taxonomy.names import Label
from models.bundle import load, verify, write_card
from models.domain import FINE_CLASSES, RawSpectrum
from models.spectral.prepare import GRID_A
from plugin.lab.dataset.records import Record
from plugin.lab.matching import frames
from plugin.lab.matching.evaluation import evaluate_redshift
from plugin.lab.matching.make_matching import add_matching
from plugin.lab.matching.page import write_page
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples


@contextmanager
def silent(what: str, total: int | None = None):
    yield lambda n: None


@pytest.fixture
def data(monkeypatch):
    found = ripples(objects=12)
    records = [
        Record(
            raw=RawSpectrum(spectrum_id=name, wavelengths=GRID_A[::4], fluxes=(2 + flux[::4]).astype(float)),
            group=group,
            label=Label(raw="", status="fine", fine="SN Ia"),
        )
        for name, group, flux in zip(found.ids, found.groups, found.flux, strict=True)
    ]
    monkeypatch.setattr(frames, "read_catalogue", lambda _: iter(records))
    return found


def test_a_bank_goes_into_a_bundle_and_is_measured(tmp_path, data) -> None:
    folder = tiny_bundle(tmp_path / "b")
    card = verify(folder)
    told = {**card, "training": {**card["training"], "data_hash": data.hash()}}
    write_card(folder, {k: v for k, v in told.items() if k not in ("files", "format")})
    before = {k: v for k, v in verify(folder)["files"].items() if k.startswith("member")}
    section = add_matching(folder, tmp_path, data, today=date(2026, 1, 1), started=silent)
    after = verify(folder)
    assert {k: v for k, v in after["files"].items() if k.startswith("member")} == before
    assert after["matching"]["bank"] in after["files"]
    assert section["spectra"] > 0
    bundle = load(folder)
    assert bundle.matching is not None
    held = {g for g, s in zip(data.groups, data.split, strict=True) if s != 0}
    assert not held & set(bundle.matching.matcher.bank.objects)
    figures = evaluate_redshift(bundle, tmp_path, data, "test")
    high = figures["domains"]["high resolution"]
    assert high["redshift"]["spectra"] == len(data.part("test"))
    assert set(high["redshift"]["best"]["classes"]) == set(FINE_CLASSES)
    assert {row["alpha"] for row in high["redshift"]["intervals"]} == {0.05, 0.1, 0.2}
    text = write_page(tmp_path / "out", bundle, figures).read_text()
    assert "**mean over classes**" in text
    assert " nan" not in text
    assert (tmp_path / "out" / "redshift.json").exists()


def test_a_bundle_of_other_spectra_is_refused(tmp_path, data) -> None:
    with pytest.raises(ValueError, match="other spectra"):
        add_matching(tiny_bundle(tmp_path / "b"), tmp_path, data, today=date(2026, 1, 1), started=silent)


def test_a_folder_that_lacks_a_spectrum_is_refused(tmp_path, data) -> None:
    more = replace(data.rows(np.arange(3)), ids=("absent", *data.ids[1:3]))
    with pytest.raises(ValueError, match="lacks 1 of 3 spectra, such as absent"):
        frames.read_frames(tmp_path, more)
