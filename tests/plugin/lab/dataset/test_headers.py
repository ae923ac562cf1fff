"""What the SED Machine's pipeline wrote beside its spectra, as our classes."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plugin.lab.dataset.headers import read_headers, snid_class
from plugin.lab.dataset.noise_curves import FILE


@pytest.mark.parametrize(
    ("kind", "subtype", "redshift", "fine"),
    [
        ("Ia", "norm", 0.05, "SN Ia"),
        ("Ia", "csm", 0.05, "SN II"),
        ("Ia", "02cx", 0.05, "SN Ia"),
        ("Ib", "norm", 0.02, "SN Ibc"),
        ("Ic", "broad", 0.02, "SN Ibc"),
        ("IIb", "-", 0.02, "SN II"),
        ("IIP", "norm", 0.02, "SN II"),
        ("IIL", "-", 0.02, "SN II"),
        ("IIn", "-", 0.02, "SN II"),
        ("II", "pec", 0.02, "SN II"),
        ("AGN", "-", 0.2, "AGN"),
        ("QSO", "-", 0.3, "AGN"),
        ("QSO", "-", 1.5, None),
        ("TDE", "-", 0.1, "TDE"),
        ("Gal", "-", 0.1, None),
        ("M", "star", 0.0, None),
        ("C", "star", 0.0, None),
        ("LBV", "-", 0.0, None),
        ("NONE", "-", math.nan, None),
        ("typename", "-", math.nan, None),
        (None, None, math.nan, None),
    ],
)
def test_types_of_snid_as_our_classes(kind, subtype, redshift, fine) -> None:
    assert snid_class(kind, subtype, redshift) == fine


def test_headers_by_spectrum_and_none_without_the_file(tmp_path) -> None:
    assert read_headers(tmp_path) == {}
    rows = {
        "spec_id": ["a", "b"],
        "exptime": [1800.0, None],
        "quality": [0.0, None],
        "snidmatchtype": ["Ic", None],
        "snidmatchsubtype": ["norm", None],
        "snidmatchrlap": [7.5, None],
        "snidmatchredshift": [0.03, None],
    }
    pq.write_table(pa.table(rows), tmp_path / FILE)
    found = read_headers(tmp_path)
    assert (found["a"].exposure_s, found["a"].quality, found["a"].snid, found["a"].rlap) == (1800.0, 0.0, "SN Ibc", 7.5)
    assert found["b"].snid is None
    assert math.isnan(found["b"].quality)
