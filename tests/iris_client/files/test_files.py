import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from iris_client.files.ascii import read_ascii
from iris_client.files.fits import read_fits
from iris_client.files.spectra import read_spectra
from iris_client.files.trouble import Unreadable
from iris_client.quality.control import examine
from models.domain import RawSpectrum

N = 600
WAVE = np.linspace(3800.0, 9200.0, N)
FLUX = 2 + np.sin(WAVE / 200) + np.random.default_rng(0).normal(0, 0.02, N)


def only(path: Path) -> RawSpectrum:
    (raw,) = read_spectra(path)
    return raw


def check(path: Path, wave: np.ndarray = WAVE, flux: np.ndarray = FLUX) -> RawSpectrum:
    raw = only(path)
    assert raw.trouble is None
    found = examine(raw)
    assert found.spectrum is not None, found.reason
    assert np.allclose(found.spectrum.wavelength_A, wave, rtol=1e-6)
    assert np.allclose(found.spectrum.flux, flux, rtol=1e-6)
    return raw


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


LINES = [f"{w:.4f} {f:.8f}" for w, f in zip(WAVE, FLUX, strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(LINES),
        "\r\n".join(["# a comment", "% another", "", *LINES, ""]),
        "wavelength,flux\n" + "\n".join(line.replace(" ", ",") for line in LINES),
        "SN 2026abc with SEDM\n" + "\n".join(line.replace(" ", ";") for line in LINES),
        "\ufeffWavelength (A)\tFlux [erg/s/cm2/A]\n" + "\n".join(line.replace(" ", "\t") for line in LINES),
        "# flux wave\n" + "\n".join(" ".join(line.split()[::-1]) for line in LINES),
        "id,lambda,junk,f_lambda\n" + "\n".join(f"7,{line.replace(' ', ',x,')}," for line in LINES),
    ],
)
def test_text_tables_of_many_makes(tmp_path: Path, text: str) -> None:
    raw = check(write(tmp_path / "sn2026abc.dat", text))
    assert raw.spectrum_id == "sn2026abc"
    assert raw.errors is None


def test_a_third_column_holds_the_errors(tmp_path: Path) -> None:
    raw = only(write(tmp_path / "a.txt", "\n".join(f"{line} 0.1" for line in LINES)))
    assert raw.errors == [0.1] * N


def test_missing_and_odd_cells_are_left_to_quality_control(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "wavelength,flux,error\n4000,1.5,1\n4001,,1\n4002,null,1\n")
    assert only(path).fluxes == [1.5, None, None]
    path = write(tmp_path / "b.csv", "4000,1.5\n4001,--\n4002,oops\n")
    assert only(path).fluxes == [1.5, None, "oops"]
    assert "text" in (examine(only(path)).reason or "")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\n", "empty"),
        ("login.fits", b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        ("one.txt", b"4000\n4001\n", "1 column"),
        ("prose.txt", b"Dear colleague,\nplease find the spectrum attached.\n", "no line of numbers"),
        ("image.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "neither Parquet, FITS nor text"),
        ("half.parquet", b"PAR1\x15\x04\x15", "damaged Parquet"),
        ("half.txt.gz", gzip.compress(b"4000 1\n" * 1000)[:40], "unpacked"),
        ("fake.fits.gz", b"\x1f\x8b no gzip at all", "unpacked"),
        ("stub.fits", b"SIMPLE  =                    T", "FITS"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_what_is_no_spectrum_says_so(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    raw = only(path)
    assert words in (raw.trouble or "")
    assert name in (raw.trouble or "")
    assert examine(raw).spectrum is None


def test_missing_files_and_directories_are_troubles(tmp_path: Path) -> None:
    assert "no such file" in (only(tmp_path / "nowhere.fits").trouble or "")
    assert "directory" in (only(tmp_path).trouble or "")
    assert "cannot be opened" in (only(tmp_path / "a\x00b").trouble or "")
    assert "cannot be opened" in (only(tmp_path / ("x" * 5000)).trouble or "")


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "sn.dat.gz"
    path.write_bytes(gzip.compress("\n".join(LINES).encode()))
    assert check(path).spectrum_id == "sn"


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


def test_parquet_rows_come_in_order_with_their_metadata(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "many.parquet",
        spec_id=["a", "b", None],
        wavelength=[WAVE.tolist(), [1.0, None], None],
        flux=pa.array([FLUX.tolist(), [1.0, 2.0, 3.0], []], pa.list_(pa.float32())),
        redshift=[0.1, float("nan"), None],
        instrument=["SEDM", None, None],
        type=["source", "host", None],
    )
    first, second, third = read_spectra(path)
    assert examine(first).spectrum is not None
    assert (first.spectrum_id, first.redshift, first.instrument, first.kind) == ("a", 0.1, "SEDM", "source")
    assert (second.spectrum_id, second.redshift, second.kind) == ("b", None, "host")
    assert np.isnan(np.asarray(second.wavelengths)[1])
    assert third.spectrum_id == "many:3"
    assert [str(c.code) for c in examine(third).caveats] == ["not_numbers"]


def test_parquet_with_text_for_numbers_is_left_to_quality_control(tmp_path: Path) -> None:
    path = parquet(tmp_path / "t.parquet", wavelength=["3800,3801", "x"], flux=[["1", "2"], ["3"]])
    assert ["text" in (examine(raw).reason or "") for raw in read_spectra(path)] == [True, True]


def test_parquet_without_flux_names_its_columns(tmp_path: Path) -> None:
    raw = only(parquet(tmp_path / "x.parquet", wavelength=[[1.0]], height=[[1.0]]))
    assert "no column flux; the columns are wavelength, height" in (raw.trouble or "")


def test_parquet_that_breaks_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", wavelength=[WAVE.tolist()] * 6, flux=[FLUX.tolist()] * 6)
    content = bytearray(path.read_bytes())
    start = pq.read_metadata(path).row_group(2).column(0).dictionary_page_offset
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(bytes(content))
    *_, last = read_spectra(path)
    assert "damaged Parquet file after row" in (last.trouble or "")


STEP = WAVE[1] - WAVE[0]


def image(path: Path, data: np.ndarray, **cards: Any) -> Path:
    header = fits.Header()
    for key, value in cards.items():
        header[key.replace("_DASH_", "-")] = value
    fits.PrimaryHDU(data, header).writeto(path)
    return path


@pytest.mark.parametrize(
    "cards",
    [
        {"CRVAL1": WAVE[0], "CDELT1": STEP},
        {"CRVAL1": WAVE[0], "CDELT1": 0.0, "CD1_1": STEP, "CRPIX1": 1.0, "CUNIT1": "Angstrom"},
        {"CRVAL1": WAVE[10], "CD1_1": STEP, "CRPIX1": 11.0, "CTYPE1": "WAVE"},
        {"CRVAL1": WAVE[0] / 10, "CDELT1": STEP / 10, "CUNIT1": "nm"},
    ],
)
def test_linear_fits_images(tmp_path: Path, cards: dict[str, Any]) -> None:
    raw = check(image(tmp_path / "sn.fits", FLUX, INSTRUME="SPRAT", BUNIT="erg/s/cm2/A", **cards))
    assert (raw.spectrum_id, raw.instrument, raw.units) == ("sn", "SPRAT", "erg/s/cm2/A")


LOG_WAVE = np.geomspace(3800.0, 9200.0, N)
DEX = np.log10(LOG_WAVE[1] / LOG_WAVE[0])


@pytest.mark.parametrize(
    "cards",
    [
        {"CRVAL1": np.log10(3800.0), "CDELT1": DEX, "DC_DASH_FLAG": 1},
        {"CRVAL1": np.log10(3800.0), "CD1_1": DEX, "CTYPE1": "LOG-LAMBDA"},
        {"COEFF0": np.log10(3800.0), "COEFF1": DEX},
        {"CRVAL1": 3800.0, "CDELT1": 3800.0 * DEX * np.log(10), "CTYPE1": "AWAV-LOG", "CUNIT1": "Angstrom"},
    ],
)
def test_logarithmic_fits_images(tmp_path: Path, cards: dict[str, Any]) -> None:
    check(image(tmp_path / "sn.fits", FLUX.astype(">f4"), **cards), LOG_WAVE)


def test_iraf_stacks_give_the_first_row_and_the_sigma_band(tmp_path: Path) -> None:
    stack = np.stack([FLUX, FLUX * 0 + 9, FLUX * 0 + 3, FLUX / 50])[:, None, :]
    raw = check(
        image(tmp_path / "sn.fits", stack, CRVAL1=WAVE[0], CD1_1=STEP, BANDID1="spectrum", BANDID4="sigma - errors")
    )
    assert np.allclose(np.asarray(raw.errors), FLUX / 50)
    check(image(tmp_path / "two.fits", np.stack([FLUX, FLUX * 0]), CRVAL1=WAVE[0], CD1_1=STEP))


@pytest.mark.parametrize(
    ("kind", "start", "step", "wave"), [(0, 3800.0, STEP, WAVE), (1, np.log10(3800), DEX, LOG_WAVE)]
)
def test_multispec(tmp_path: Path, kind: int, start: float, step: float, wave: np.ndarray) -> None:
    spec = f'wtype=multispec spec1 = "1 1 {kind} {start:.12f} {step:.14f} {N} 0. 1. 2." spec2 = "2 2 2 0 0 0 0"'
    cards = {"CTYPE1": "MULTISPE", "WAT2_001": spec[:68], "WAT2_002": spec[68:]}
    check(image(tmp_path / "sn.fits", np.stack([FLUX, FLUX]), **cards), wave)


@pytest.mark.parametrize(
    ("data", "cards", "words"),
    [
        (FLUX, {}, "no wavelength scale"),
        (FLUX, {"CRVAL1": 3800.0}, "no wavelength scale"),
        (FLUX, {"CRVAL1": "blue", "CDELT1": 1.0}, "CRVAL1 is no number"),
        (np.ones((100, 100)), {"CRVAL1": 1.0, "CDELT1": 1.0}, "an image of 100 x 100"),
        (FLUX, {"CTYPE1": "MULTISPE"}, "without a spec1"),
        (FLUX, {"CTYPE1": "MULTISPE", "WAT2_001": 'spec1 = "1 1 2 1 1 9 0"'}, "nonlinear"),
        (None, {}, "no spectrum in this FITS file"),
    ],
)
def test_fits_images_that_cannot_be_used(tmp_path: Path, data: Any, cards: dict[str, Any], words: str) -> None:
    assert words in (only(image(tmp_path / "x.fits", data, **cards)).trouble or "")


def table(path: Path, **columns: np.ndarray) -> Path:
    made = [fits.Column(name, f"{v.size}D" if v.ndim == 2 else "D", array=v) for name, v in columns.items()]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(made)]).writeto(path)
    return path


def test_sdss_tables(tmp_path: Path) -> None:
    ivar = np.full(N, 25.0)
    ivar[3] = 0
    raw = only(table(tmp_path / "spec.fits", flux=FLUX, loglam=np.log10(LOG_WAVE), ivar=ivar))
    found = examine(raw).spectrum
    assert found is not None
    assert np.allclose(found.wavelength_A, LOG_WAVE)
    assert np.flatnonzero(np.isnan(found.flux)).tolist() == [3]
    errors = np.asarray(raw.errors)
    assert errors[0] == pytest.approx(0.2)
    assert np.isnan(errors[3])


def test_eso_tables_keep_everything_in_one_row(tmp_path: Path) -> None:
    raw = check(table(tmp_path / "eso.fits", WAVE=WAVE[None, :], FLUX=FLUX[None, :], ERR=FLUX[None, :] / 9))
    assert np.allclose(np.asarray(raw.errors), FLUX / 9)


def test_a_table_without_a_spectrum_is_none(tmp_path: Path) -> None:
    assert "no spectrum" in (only(table(tmp_path / "cat.fits", ra=FLUX, dec=FLUX)).trouble or "")


def test_truncated_fits(tmp_path: Path) -> None:
    path = image(tmp_path / "x.fits", np.tile(FLUX, 10), CRVAL1=3800.0, CDELT1=0.9)
    for size in (len(path.read_bytes()) - 2880, 4000, 2000, 100):
        path.write_bytes(path.read_bytes()[:size])
        assert "FITS" in (only(path).trouble or "")


def test_fits_in_gzip(tmp_path: Path) -> None:
    path = image(tmp_path / "x.fits", FLUX, CRVAL1=WAVE[0], CDELT1=STEP)
    packed = tmp_path / "x.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert check(packed).spectrum_id == "x"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_ascii_reader(content: bytes) -> None:
    try:
        raw = read_ascii(content, "x")
    except Unreadable:
        return
    examine(raw)


def _one_fits() -> bytes:
    out = io.BytesIO()
    header = fits.Header({"CRVAL1": WAVE[0], "CDELT1": STEP})
    fits.PrimaryHDU(FLUX[:50], header).writeto(out)
    return out.getvalue()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(10, 900), st.binary(min_size=1, max_size=12)), max_size=3))
def test_no_damage_to_a_header_breaks_the_fits_reader(damage: list[tuple[int, bytes]]) -> None:
    content = bytearray(_one_fits())
    for position, junk in damage:
        content[position : position + len(junk)] = junk
    try:
        raw = read_fits(bytes(content), "x")
    except Unreadable:
        return
    examine(raw)
