"""What could be read in two ways, or is at rest, is refused, and the words that made it so are named."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from iris_client.files.spectra import read_spectra, stem
from iris_client.quality.control import examine
from models.domain import RawSpectrum
from tests.fakes.spectra import (
    ERROR,
    FLUX,
    INDEX,
    SKY,
    WAVE,
    Writer,
    fit,
    image,
    light,
    raw_text,
    table,
    text,
    txt,
    write_fits,
)  # fmt: skip

SLIT = np.random.default_rng(1).normal(0, 1e-17, (21, WAVE.size)) + SKY
REDDER = np.linspace(3400.0, 9600.0, WAVE.size)
REFUSED: dict[str, tuple[Writer, str]] = {
    "rest by name": (txt("# rest_wavelength flux", REDDER, FLUX), "'rest_wavelength'"),
    "rest by name, unit": (txt("# wavelength_rest(A) flux error", REDDER, FLUX, ERROR), "wavelength_rest(A)"),
    "rest by a remark": (txt("# brought to the rest frame, z = 0.1\n# wavelength flux", WAVE, FLUX), "rest frame"),
    "rest by a key": (txt("# deredshifted: True\n# wavelength flux", WAVE, FLUX), "deredshifted"),
    "rest in FITS": (fit(table(REST_WAVE=WAVE, FLUX=FLUX)), "REST_WAVE"),
    "rest by SPECSYS": (fit(image(FLUX, SPECSYS="SOURCE")), "SPECSYS"),
    "two fluxes": (txt("wavelength,flux_a,flux_b", WAVE, FLUX, SKY, sep=","), "'flux_a' and 'flux_b'"),
    "two fluxes, none plain": (txt("wavelength flux_smoothed flux_raw", WAVE, FLUX, SKY), "'flux_smoothed'"),
    "flux first in a sentence": (txt("# flux and wavelength of it", FLUX, WAVE), "column 2 looks like the wavelengths"),
    "a sky in a sentence": (txt("# It has wavelength, sky and then flux", WAVE, SKY, FLUX), "speaks of columns"),
    "two wavelengths without names": (txt("", WAVE, WAVE / 1.05, FLUX), "both look like wavelengths"),
    "rest by a word in a note": (txt("# Note: de-redshifted by z=0.1\n# wavelength flux", WAVE, FLUX), "de-redshifted"),
    "no wavelength at all": (txt("sky,flux,error", SKY, FLUX, ERROR, sep=","), "'sky'"),
    "counts": (txt("# wavelength counts", WAVE, FLUX * 1e18), "'counts'"),
    "torn decimal commas": (raw_text("\n".join(f"{int(w)},00,1,0{i % 900}" for i, w in enumerate(WAVE))), "commas"),
    "thousands": (raw_text("\n".join(f"{w:,.2f}\t{1 + i % 7}" for i, w in enumerate(WAVE))), "thousands"),
    "cut off": (raw_text("\n".join(f"{w:.2f} {f:.4e}" for w, f in zip(WAVE, FLUX, strict=True)) + "\n9201"), "cut off"),
    "text among it": (raw_text("4000 1.5\n4001 oops\n" * 40), "'oops'"),
    "nanometres unsaid": (txt("# wavelength flux", WAVE / 10, FLUX), "nanometre; read as"),
    "a slit": (fit(image(SLIT)), "21 x 900"),
    "a narrow slit": (fit(image([SKY, FLUX + SKY, SKY])), "picture of the slit"),
    "apertures": (fit(image(np.array([(i + 1) * light(WAVE, i)[0] for i in range(8)]))), "APNUM, BANDID, ARRAY"),
    "a cube": (fit(image(np.ones((3, 4, WAVE.size)))), "a cube of 3 x 4"),
    "two arms": (fit(table("BLUE", wave=WAVE[:500], flux=FLUX[:500]), table("RED", wave=WAVE[490:], flux=FLUX[490:])),
                 "'BLUE' (3600 to"),
    "two of one name": (fit(image(FLUX, "SCI"), image(SKY, "SCI")), "2 parts of the file"),
    "only a sky": (fit(table("SKY", wave=WAVE, flux=SKY)), "only 'SKY'"),
    "pixels for wavelengths": (fit(image(FLUX, CTYPE1="PIXEL", CRVAL1=1.0, CDELT1=1.0)), "'PIXEL'"),
    "a logarithm that is none": (fit(image(FLUX, **{"DC-FLAG": 1})), "no logarithm"),
    "a step of one": (fit(image(FLUX, CDELT1=1.0)), "wavelengths from CRVAL1 3600 and CDELT1 1"),
    "mostly masked": (txt("wavelength,flux,mask", WAVE, FLUX, INDEX % 2, sep=","), "'mask' not 0"),
}  # fmt: skip


def only(path: Path) -> RawSpectrum:
    (raw,) = read_spectra(path)
    return raw


@pytest.mark.parametrize("kind", REFUSED)
def test_the_refusal_names_the_cause(tmp_path: Path, kind: str) -> None:
    write, words = REFUSED[kind]
    found = examine(only(write(tmp_path)))
    assert found.spectrum is None
    assert words in (found.reason or "")


def test_not_in_the_rest_frame_is_not_the_rest_frame(tmp_path: Path) -> None:
    for remark in ("wavelengths are in the observer frame", "not corrected to rest frame", "restframe: False"):
        assert (
            examine(only(text(tmp_path / "a.txt", f"# {remark}\n# wavelength flux", WAVE, FLUX))).spectrum is not None
        )


def _zip(name: str) -> bytes:
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "1 2")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "Git-LFS"),
        (b"/annex/objects/SHA256E-s1--0.fits\n", "git-annex"),
        (_zip("a.txt"), "zip archive"),
        (_zip("wave.npy"), "NumPy archive"),
        (b"   10   1024   2500.00  10000.00     13     sn1990N     0.95  Ia-norm   2  0\n 1 2 3\n", "SNID template"),
        (b"%PDF-1.5\n", "PDF"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x93NUMPY\x01\x00", "NumPy array"),
        (b"\x80\x04\x95", "pickle"),
        (b"Obj\x01\x04", "Avro"),
        (b'<?xml version="1.0"?><VOTABLE>', "VOTable"),
        (b"PAR1\x00", "damaged Parquet"),
        ("wavelength flux\n4000 1\n".encode("utf-16-le"), "UTF-16"),
        (json.dumps({"a": 1}).encode(), ["JSON without a spectrum", " it has 'a'"][0]),
        (b"{not json", "begins as JSON"),
        (b"[" * 100_000, "begins as JSON"),
        (b"[" + b"[]," * 6_000_000 + b"1]", "JSON larger than 16 MB"),
        (b"#\n" * 50_000, "no number in 20001 lines"),
        (b"4000 " * 50_000, "a line of 250000 characters"),
        (b"4 1\n" * 1_200_000, "more than 1000000 lines"),
        (gzip.compress(b"4000 1\n" * 12_000_000), "unpacked larger than 64 MB"),
    ],
)
def test_a_sentence_says_what_a_file_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(content)
    assert words in (only(path).trouble or "")


def test_a_picture_packed_in_fits_is_not_unpacked(tmp_path: Path) -> None:
    packed = write_fits(tmp_path / "a.fits", fits.CompImageHDU(np.zeros((4000, 3000), "i2")))
    assert packed.stat().st_size < 4000 * 3000 / 10
    assert "4000 x 3000" in (only(packed).trouble or "")


def test_a_parquet_row_that_unpacks_to_millions_is_refused(tmp_path: Path) -> None:
    one = pa.array([np.ones(1_500_000)])
    pq.write_table(pa.table({"wavelength": one, "flux": one}), tmp_path / "a.parquet")
    assert "1500000 pixels" in (only(tmp_path / "a.parquet").trouble or "")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"wavelength": WAVE.astype(str), "flux": FLUX.astype(str)}, "not numbers"),
        ({"wavelength": WAVE, "flux": [[1.0]] * WAVE.size}, "the other does not"),
        ({"rest_wavelength": [WAVE.tolist()], "flux": [FLUX.tolist()]}, "rest_wavelength"),
    ],
)
def test_parquet_that_cannot_be_meant_has_one_refusal(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert words in (examine(only(tmp_path / "a.parquet")).reason or "")


def test_two_versions_of_a_file_keep_their_names() -> None:
    names = ["sn_2455800.2", "sn_2455800.7", "sn.dat", "sn.fits.gz", "a.b.txt", ".txt"]
    assert [stem(Path(name)) for name in names] == ["sn_2455800.2", "sn_2455800.7", "sn", "sn", "a.b", ".txt"]
