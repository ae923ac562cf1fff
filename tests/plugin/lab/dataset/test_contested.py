"""Objects that another source contradicts: found without any network, and only where somebody really says so."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iris_client.taxonomy.names import Label
from models.domain import FINE_CLASSES, RawSpectrum
from models.training.dataset import SPLITS
from plugin.lab.dataset.contested import bare, contested, second_opinions
from plugin.lab.dataset.records import Record

DATA = os.environ.get("ASTRANET_DATA_DIR")


def record(name: str, fine: str, *, types: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> Record:
    raw = RawSpectrum(spectrum_id=f"{name}-1", target_id=name, wavelengths=[5000.0], fluxes=[1.0])
    label = Label(raw=fine, status="fine", fine=fine)
    return Record(raw=raw, group=name, names=names or (name,), label=label, types=types)


def catalogue(folder: Path, rows: list[dict[str, str | None]]) -> Path:
    (folder / "ztf").mkdir()
    empty = dict.fromkeys(("object_id", "ztf_ids", "iau", "other", "cls"))
    pq.write_table(pa.Table.from_pylist([empty | row for row in rows]), folder / "ztf" / "crossid.parquet")
    return folder


def test_another_catalogue_or_another_source_contradicts(tmp_path) -> None:
    opinions = second_opinions(
        catalogue(
            tmp_path,
            [
                {"object_id": "ZTF18aaaaaaa", "iau": "2018xx", "cls": "SLSN-I"},
                {"object_id": "SN2006yy", "other": "PTF10abc;CSS1", "cls": "SN Ibc"},
                {"object_id": "ZTF18bbbbbbb", "iau": "2018zz", "cls": "Non-SN"},
            ],
        )
    )
    found = contested(
        [
            record("SN2018xx", "SN Ibc"),
            record("known as", "SN Ia", names=("known as", "PTF10ABC")),
            record("SN2018zz", "SN II"),
            record("by its types", "SN Ibc", types=("SN Ic", "SLSN-I")),
            record("all agree", "SLSN", types=("SLSN-I", "SLSN-R")),
            record("subtypes", "SN II", types=("SN IIn", "SN II", "SN Ib")),
            replace(record("SN 2018xx", "AGN"), semi_real=True, group="made"),
        ],
        opinions,
    )
    # A rare class is learned as the one who looked longer says; else the archive's stays, marked.
    assert found == {"SN2018xx": "SLSN", "known as": "SN Ia", "by its types": "SLSN"}


def test_without_the_catalogue_nobody_contradicts(tmp_path) -> None:
    assert second_opinions(tmp_path) == {}
    assert contested([record("SN2006yy", "SN Ia")], {}) == {}


@pytest.mark.parametrize(
    ("name", "plain"), [("SN 2006oz", "2006oz"), ("AT2018zr", "2018zr"), ("SNLS-06D4eu", "snls-06d4eu")]
)
def test_names_are_compared_without_what_people_write_differently(name: str, plain: str) -> None:
    assert bare(name) == plain


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="ASTRANET_DATA_DIR is not set: no real spectra here")
def test_contested_real_objects_teach_and_stand_in_no_figure() -> None:
    from plugin.lab.dataset.labelled import load_labelled

    data = load_labelled(Path(str(DATA))).data
    groups = np.array(data.groups)
    # Superluminous by the compilation of Gomez et al. (2024), another class in the archive.
    mine = groups == "SN2006oz"
    assert mine.any()
    assert data.disputed[mine].all()
    assert (data.split[mine] == SPLITS.index("train")).all()
    assert (data.label[mine] == FINE_CLASSES.index("SLSN")).all()
    # Once as much so; the archive's labels were put right on 2026-11-29, and nobody contradicts them any more.
    for name in ("LSQ14an", "SN2018bsz"):
        mine = groups == name
        assert mine.any()
        assert not data.disputed[mine].any()
        assert (data.label[mine] == FINE_CLASSES.index("SLSN")).all()
    assert not data.disputed[data.split != SPLITS.index("train")].any()
