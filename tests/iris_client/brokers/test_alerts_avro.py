"""Every real ZTF packet is read, and every stamp that cannot be used has a reason."""

import gzip
import io
import os
from pathlib import Path

import fastavro
import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from iris_client.brokers.alert import Alert, alert
from iris_client.brokers.avro import read_alert, read_alerts, read_packets
from iris_client.brokers.history import light_curve
from iris_client.brokers.stamps import decode
from iris_client.errors import BadPayload
from models.domain import CaveatCode

DATA = os.environ.get("ASTRANET_DATA_DIR")
needs_data = pytest.mark.skipif(not DATA, reason="ASTRANET_DATA_DIR is not set: no real alert packets here")


def image(pixels, **header) -> bytes:
    buffer = io.BytesIO()
    hdu = fits.PrimaryHDU(np.asarray(pixels, dtype=np.float32))
    hdu.header.update(header)
    hdu.writeto(buffer)
    return buffer.getvalue()


def packet(**changes):
    stamp = {"fileName": "x.fits.gz", "stampData": gzip.compress(image(np.ones((63, 63))))}
    candidate = {"jd": 2460000.5, "fid": 1, "magpsf": 19.0, "sigmapsf": 0.1, "diffmaglim": 20.5, "isdiffpos": "t"}
    stamps = dict.fromkeys(("cutoutScience", "cutoutTemplate", "cutoutDifference"), stamp)
    return {"objectId": "ZTF26aaatest", "candid": 1, "candidate": candidate, **stamps, **changes}


@pytest.fixture(scope="module")
def real() -> dict[str, Alert]:
    folder = Path(DATA or "") / "ztf"
    return {str(p.relative_to(folder)): read_alert(p) for p in sorted((folder / "alerts").rglob("*.avro"))}


@pytest.fixture(scope="module")
def index() -> dict[str, dict]:
    rows = pq.read_table(Path(DATA or "") / "ztf" / "alerts_index.parquet").to_pylist()
    return {row["file"]: row for row in rows if (row["file"] or "").endswith(".avro")}


def texts(found: Alert) -> list[str]:
    return [c.text for c in found.caveats if c.code is CaveatCode.BAD_IMAGE]


@needs_data
def test_every_packet_parses_and_each_bad_stamp_has_its_reason(real, index):
    assert set(real) == set(index)
    assert len(real) >= 367
    for name, found in real.items():
        row, reasons = index[name], texts(found)
        assert found.target.target_id == row["ztf_id"]
        assert found.cutouts.candid == str(row["candid"])
        assert found.positive == row["positive_subtraction"]
        assert any("not a number" in text for text in reasons) == row["bad_nan"], name
        assert any("incomplete" in text for text in reasons) == row["bad_shape"], name
        for kind, short in (("science", "sci"), ("template", "tmpl"), ("difference", "diff")):
            stamp = getattr(found.cutouts, kind)
            assert (stamp is not None) == row["readable"], name
            if stamp is None:
                assert any(text.startswith(f"{kind} stamp: no FITS image") for text in reasons)
            else:
                assert f"{stamp.shape[0]}x{stamp.shape[1]}" == row[f"{short}_shape"]
                # The index counts missing pixels in its older rows, and gives their share in newer ones.
                told = row[f"{short}_nan"]
                assert np.isnan(stamp).sum() == (told if float(told).is_integer() else round(told * stamp.size))


@needs_data
def test_the_counts_are_those_of_the_index(real, index):
    reasons = [texts(found) for found in real.values()]
    assert sum(found.cutouts.science is None for found in real.values()) == 4
    assert sum(any("not a number" in text for text in t) for t in reasons) == sum(
        index[name]["bad_nan"] for name in real
    )
    assert sum(any("incomplete" in text for text in t) for t in reasons) == 5


@needs_data
def test_the_transient_is_where_an_incomplete_stamp_says(real):
    """In the difference image the strongest pixel near the edge of the detector is the transient."""
    cut = [found.cutouts for found in real.values() if found.cutouts.center_yx]
    assert len(cut) == 5
    for found in cut:
        (y, x), difference = found.center_yx, np.nan_to_num(np.abs(found.difference))
        row, column = int(y), int(x)
        near = difference[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4]
        assert near.max() > 3 * 1.48 * np.nanmedian(np.abs(found.difference - np.nanmedian(found.difference)))


@needs_data
def test_north_is_up_and_east_left_in_real_stamps(real):
    """The template's own catalogue says where its nearest source is; the pixels must agree."""
    for name, kind in (("ZTF20aarsexp", "row"), ("ZTF21abpiosb", "both"), ("ZTF25abeepjx", "row")):
        path = next(n for n, found in real.items() if found.target.target_id == name)
        row = next(read_packets(Path(DATA or "") / "ztf" / path))["candidate"]
        north = (row["decnr"] - row["dec"]) * 3600 / 1.01
        east = (row["ranr"] - row["ra"]) * np.cos(np.radians(row["dec"])) * 3600 / 1.01
        template = real[path].cutouts.template

        def brightest(y, x, template=template):
            return template[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].max()

        assert brightest(31 + north, 31 - east) > 1.02 * brightest(31 - north, 31 - east)
        if kind == "both":
            assert brightest(31 + north, 31 - east) > 1.02 * brightest(31 + north, 31 + east)


@needs_data
def test_light_curves_hold_each_exposure_once_and_agree_with_the_flat_history(real, index):
    history = pq.read_table(Path(DATA or "") / "ztf" / "alert_history.parquet").to_pandas()
    assert all(found.light_curve is not None for found in real.values())
    for found in real.values():
        curve = found.light_curve
        for band in set(curve.band):
            mjd = curve.mjd[[b == band for b in curve.band]]
            assert (np.diff(mjd) >= 1e-4).all()
    assert len(history) > sum(found.light_curve.mjd.size for found in real.values()) > 5000


def test_a_stamp_is_turned_for_ztf_and_not_for_others():
    pixels = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(decode(gzip.compress(image(pixels))).pixels, pixels[::-1])
    assert np.array_equal(decode(image(pixels), survey="LSST").pixels, pixels)


def test_an_lsst_stamp_is_turned_by_its_position_angle_and_says_its_scale():
    pixels = np.zeros((21, 21))
    pixels[10, 15] = 1.0
    side = 0.2 / 3600
    found = decode(image(pixels, ROTPA=90.0, CD1_1=-side, CD2_2=side, CD1_2=0.0, CD2_1=0.0), survey="LSST")
    assert found.pixel_arcsec == pytest.approx(0.2)
    row, column = np.unravel_index(np.nanargmax(found.pixels), found.pixels.shape)
    assert (abs(int(row) - 10), int(column)) == (5, 10)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0jpeg", "no FITS"),
        (gzip.compress(image(np.ones((63, 63))))[:-200], "cut short"),
        (b"\x1f\x8b" + bytes(40), "broken gzip"),
        (image(np.ones((63, 63)))[:5000], "FITS"),
        (image(np.ones(63)), "no two-dimensional"),
        (image(np.ones((2, 1500))), "not a stamp"),
    ],
    ids=["nothing", "jpeg", "half a gzip", "zeros", "half an image", "a line", "a wide image"],
)
def test_an_unreadable_stamp_says_why(data, why):
    with pytest.raises(BadPayload, match=why):
        decode(data)


def test_one_bad_stamp_leaves_the_others():
    found = alert(packet(cutoutTemplate=None))
    assert found.cutouts.template is None
    assert found.cutouts.science.shape == found.cutouts.difference.shape == (63, 63)
    assert texts(found) == ["template stamp: the stamp is empty"]


def test_the_place_in_an_incomplete_stamp_is_unknown_without_the_detector_position():
    short = gzip.compress(image(np.ones((50, 63))))
    found = alert(packet(cutoutScience=short, cutoutTemplate=short, cutoutDifference=short))
    assert found.cutouts.center_yx is None
    assert any("not known where" in text for text in texts(found))


def test_one_exposure_is_one_point_and_a_detection_beats_a_limit():
    row = {"jd": 2460000.50001, "fid": 1, "diffmaglim": 20.0}
    forced = {"jd": 2460000.500005, "fid": 1, "forcediffimflux": 900.0, "forcediffimfluxunc": 30.0, "magzpsci": 26.0}
    curve = alert(packet(prv_candidates=[row], fp_hists=[forced])).light_curve
    assert curve.mjd.size == 1
    assert curve.mag[0] == 19.0


def test_forced_fluxes_in_both_units_give_the_same_magnitude():
    ztf = {"jd": 2460000.5, "fid": 2, "forcediffimflux": 1000.0, "forcediffimfluxunc": 20.0, "magzpsci": 26.0}
    mag = 26.0 - 2.5 * np.log10(1000.0)
    boom = {"jd": 2460000.5, "band": "r", "psfFlux": 1e9 * 10 ** (0.4 * (23.9 - mag))}
    boom["psfFluxErr"] = boom["psfFlux"] / 50
    for row in (ztf, boom):
        curve, _ = light_curve({"fp_hists": [row]})
        assert curve.mag[0] == pytest.approx(18.5)
        assert curve.mag_error[0] == pytest.approx(2.5 / np.log(10) / 50)
        assert curve.band == ("r",)


def test_faint_forced_flux_is_a_limit_at_five_sigma():
    row = {"jd": 2460000.5, "fid": 2, "forcediffimflux": -5.0, "forcediffimfluxunc": 20.0, "magzpsci": 26.0}
    curve, _ = light_curve({"fp_hists": [row]})
    assert curve.is_limit[0] == 1
    assert curve.limit_mag[0] == pytest.approx(26.0 - 2.5 * np.log10(100.0))


def test_a_negative_subtraction_is_no_detection_and_is_reported():
    found = alert(packet(candidate={**packet()["candidate"], "isdiffpos": "f"}))
    assert not found.positive
    assert found.light_curve.is_limit[0] == 1
    assert any(c.code is CaveatCode.REPAIRED and "negative" in c.text for c in found.caveats)


def test_the_nearest_source_and_how_much_it_looks_like_a_star():
    row = {**packet()["candidate"], "sgmag1": 20.1, "srmag1": -999.0, "distpsnr1": 1.2, "sgscore1": 0.02}
    found = alert(packet(candidate=row))
    assert found.host.mags == {"g": 20.1}
    assert (found.host.separation_arcsec, found.star_score) == (1.2, 0.02)


def test_files_that_are_no_packets(tmp_path):
    schema = {"type": "record", "name": "other", "fields": [{"name": "x", "type": "int"}]}
    for name, records in (("other", [{"x": 1}]), ("none", [])):
        with (tmp_path / name).open("wb") as file:
            fastavro.writer(file, schema, records)
    (tmp_path / "text").write_text("hello")
    for name in ("other", "none", "text", "missing"):
        with pytest.raises(BadPayload):
            read_alert(tmp_path / name)


def test_several_alerts_in_one_file(tmp_path):
    schema = {
        "type": "record",
        "name": "alert",
        "fields": [
            {"name": "objectId", "type": "string"},
            {"name": "candid", "type": "long"},
            {"name": "candidate", "type": {"type": "map", "values": "double"}},
        ],
    }
    records = [{"objectId": f"ZTF{i}", "candid": i, "candidate": {"jd": 2460000.5 + i}} for i in range(3)]
    buffer = io.BytesIO()
    fastavro.writer(buffer, schema, records)
    assert [found.target.target_id for found in read_alerts(buffer.getvalue())] == ["ZTF0", "ZTF1", "ZTF2"]
