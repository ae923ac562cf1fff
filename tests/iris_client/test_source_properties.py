"""What holds of the parsers of alerts and answers whatever comes in."""

import contextlib
import gzip
import io

import numpy as np
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from iris_client.brokers.history import light_curve
from iris_client.brokers.stamps import cutouts, decode
from iris_client.errors import UpstreamError
from iris_client.marshal import parse
from iris_client.marshal.graphql import graphql_envelope
from iris_client.marshal.graphql_fields import renamed, walk

quick = settings(max_examples=40, deadline=None)
numbers = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
json_values = st.recursive(
    numbers,
    lambda kids: st.lists(kids, max_size=4) | st.dictionaries(st.text(max_size=8), kids, max_size=4),
    max_leaves=8,
)
COLUMNS = ["id", "obj_id", "modified", "type", "groups", "ra", "redshift", "classifications"]
jd = st.floats(2460000, 2460010) | numbers
mag = st.floats(10, 25) | numbers
rows = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "jd": jd,
            "fid": st.sampled_from([1, 2, 3]) | numbers,
            "band": st.sampled_from(["g", "r"]) | numbers,
            "magpsf": mag,
            "sigmapsf": st.floats(0.01, 0.5) | numbers,
            "diffmaglim": mag,
            "isdiffpos": st.sampled_from(["t", "f", "1", "0", True, 1]) | numbers,
            "psfFlux": st.floats(-1e6, 1e6) | numbers,
            "psfFluxErr": st.floats(1, 1e5) | numbers,
            "forcediffimflux": st.floats(-1e4, 1e4) | numbers,
            "forcediffimfluxunc": st.floats(1, 1e3) | numbers,
            "magzpsci": st.floats(20, 30) | numbers,
        },
    ),
    max_size=12,
)


@quick
@given(st.dictionaries(st.sampled_from(["prv_candidates", "fp_hists", "candidate"]), rows | json_values))
def test_a_light_curve_is_sorted_finite_and_has_each_exposure_once(packet):
    curve, caveats = light_curve(packet)
    assert all(c.text for c in caveats)
    if curve is None:
        return
    assert (np.diff(curve.mjd) >= 0).all()
    for band in set(curve.band):
        assert (np.diff(curve.mjd[[b == band for b in curve.band]]) >= 1e-4).all()
    assert ((curve.is_limit == 1) == np.isnan(curve.mag)).all()
    assert np.isfinite(curve.limit_mag[curve.is_limit == 1]).all()
    assert (curve.mag_error[curve.is_limit == 0] > 0).all()


@quick
@given(rows)
def test_the_order_of_the_rows_does_not_matter_for_the_times(packet_rows):
    one, _ = light_curve({"prv_candidates": packet_rows})
    other, _ = light_curve({"prv_candidates": packet_rows[::-1]})
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.mjd.size == other.mjd.size
        assert one.is_limit.sum() == other.is_limit.sum()


@quick
@given(st.integers(1, 63), st.integers(1, 63), st.floats(1, 3072), st.floats(1, 3080))
def test_the_transient_is_inside_the_stamp_or_nowhere(height, width, x, y):
    buffer = io.BytesIO()
    fits.PrimaryHDU(np.ones((height, width), dtype=np.float32)).writeto(buffer)
    data = dict.fromkeys(("science", "template", "difference"), buffer.getvalue())
    found, caveats = cutouts(data, candid="1", band="g", mjd=61000.0, position=(x, y))
    whole = (height, width) == (63, 63)
    assert bool(caveats) != whole
    if found.center_yx is not None:
        row, column = found.center_yx
        assert 0 <= row < height
        assert 0 <= column < width


@quick
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_stamp_comes_through_gzip_and_fits_unchanged(height, width, seed):
    pixels = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    buffer = io.BytesIO()
    fits.PrimaryHDU(pixels).writeto(buffer)
    assert np.array_equal(decode(gzip.compress(buffer.getvalue())).pixels, pixels[::-1])
    assert np.array_equal(decode(buffer.getvalue(), survey="LSST").pixels, pixels)


@quick
@given(st.binary(max_size=300))
def test_no_bytes_break_the_stamp_reader(data):
    found, caveats = cutouts({"science": data}, candid="1", band="g", mjd=61000.0)
    assert found.science is None
    assert len(caveats) == 3


@quick
@given(st.dictionaries(st.sampled_from(COLUMNS), json_values))
def test_rows_become_values_or_errors_of_the_tree(row):
    for read in (parse.stub, parse.spectrum, parse.target):
        with contextlib.suppress(UpstreamError):
            assert read(row) is not None
    parse.light_curve([row])


@quick
@given(json_values, st.text(max_size=12))
def test_maps_and_envelopes_take_anything(value, path):
    walk(value, path)
    renamed({"a": value}, {"x": path, "y": {"path": "a", "fields": {"z": path}}})
    with contextlib.suppress(UpstreamError, ValueError):
        assert isinstance(graphql_envelope(value), dict)
