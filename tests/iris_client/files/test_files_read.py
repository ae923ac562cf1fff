"""What is understood is used, whatever the order and the spelling; one line of the tables below is one kind of file."""

import bz2
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from iris_client.files.spectra import read_spectra
from iris_client.quality.control import Examined, examine
from tests.fakes.spectra import (
    BAD,
    ERROR,
    FLUX,
    INDEX,
    LOG_WAVE,
    SKY,
    SPOILT,
    STEP,
    WAVE,
    N,
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

F15 = FLUX * 1e15
COUNTS = FLUX * 1e17 * (WAVE / 6000.0) ** 3
F_NU = FLUX * (WAVE / 6000.0) ** 2


def one(path: Path) -> Examined:
    (raw,) = read_spectra(path)
    return examine(raw)


def check(found: Examined, wave: np.ndarray = WAVE, flux: np.ndarray = FLUX) -> None:
    """The same spectrum up to its scale."""
    assert found.spectrum is not None, found.reason
    assert np.allclose(found.spectrum.wavelength_A, wave, rtol=1e-6)
    there = np.isfinite(flux)
    assert np.array_equal(np.isfinite(found.spectrum.flux), there)
    ratio = found.spectrum.flux[there] / flux[there]
    assert np.allclose(ratio, np.median(ratio), rtol=1e-4)


def lines(number: Callable[[float], str], sep: str = " ") -> str:
    return "\n".join(f"{a:.3f}{sep}{number(b)}" for a, b in zip(WAVE, FLUX, strict=True))


UNITS = {"WAVE": "nm", "FLUX": "erg s**(-1) cm**(-2) nm**(-1)"}
READ: dict[str, Writer] = {
    # Names with remarks, units and blanks in brackets.
    "bracket with a blank": txt("# Wavelength (observer frame)  Flux (erg/s/cm2/A)  Error", WAVE, FLUX, ERROR),
    "bracket, then a sky": txt("# Wavelength (observer frame)  Flux  Sky  Error", WAVE, FLUX, SKY, ERROR),
    "comma in quotes": txt('"Wavelength (vacuum, Angstrom)","Flux (erg/s/cm2/A)","Error"', WAVE, FLUX, ERROR, sep=","),
    "unit after a slash": txt("# Wavelength / A  Flux / erg s-1 cm-2 A-1  Error", WAVE, FLUX, ERROR),
    "square brackets": txt("wave [A]; sky [counts per pixel]; flux [erg / (s cm2 A)]", WAVE, SKY, FLUX, sep=";"),
    "greek": txt("# λ[Å] F_λ σ", WAVE, FLUX, ERROR),
    "units in the line below": txt("# wave flux err\n# nm erg/s/cm2/nm erg/s/cm2/nm", WAVE / 10, FLUX, ERROR),
    # Words before, between and beside the names.
    "a title": txt("# Flux unit: erg/s/cm2/A\n# Columns: wavelength flux uncertainty", WAVE, FLUX, ERROR),
    "a title, commas": txt("# columns: wavelength,flux,uncertainty,mask", WAVE, FLUX, ERROR, INDEX * 0, sep=","),
    "numbers between": txt("# 1 wavelength 2 flux 3 error", WAVE, FLUX, ERROR),
    "a name a line": txt("# 1 WAVE observed [Angstrom]\n# 2 SKY\n# 3 FLUX [erg/s/cm2/A]", WAVE, SKY, FLUX),
    "column n": txt("# Column 1: flux\n# Column 2: wavelength (A)", FLUX, WAVE),
    "col n on one line": txt("# col1: wave col2: sky col3: flux", WAVE, SKY, FLUX),
    "names of two words": txt("Observed Wavelength Rest Wavelength Flux Flux Error", WAVE, WAVE / 1.05, FLUX, ERROR),
    "a unit in words": txt("# lambda in nm, Flux in W/m2/nm", WAVE / 10, FLUX, sep=","),
    "fields": txt("# fields = lambda, sky, flux", WAVE, SKY, FLUX),
    # Names of which only some are known, and columns that count.
    "observed and rest": txt("wavelength_obs,wavelength_rest,flux", WAVE, WAVE / 1.05, FLUX, sep=","),
    "counts beside flux": txt("lambda_obs,counts,flux", WAVE, COUNTS, FLUX, sep=","),
    "a sky between": txt("##   wavelen  flux  sky_flux  flux_unc", WAVE, FLUX, SKY, ERROR),
    "pixels first": txt("# pix lambda_air counts flux err", INDEX + 1, WAVE, COUNTS, FLUX, ERROR),
    "a model before it": txt("wavelength,model_flux,flux", WAVE, SKY, FLUX, sep=","),
    "widths of pixels": txt("# lambda dlambda flux dflux", WAVE, WAVE * 0 + STEP, FLUX, ERROR),
    "a frame's index": txt(",wavelength,flux", INDEX, WAVE, FLUX, sep=","),
    "row names without a name": txt("wavelength flux err", INDEX + 1, WAVE, FLUX, ERROR),
    "air and vacuum": txt("wave_air,wave_vac,flux", WAVE, WAVE * 1.0003, FLUX, sep=","),
    # Numbers.
    "decimal commas, tabs": txt("", WAVE, F15, sep="\t", comma=True),
    "decimal commas, semicolons": txt("wavelength;flux", WAVE, F15, sep=";", comma=True, name="a.csv"),
    "decimal commas, blanks": txt("# wavelength flux", WAVE, F15, sep="  ", comma=True),
    "Fortran": raw_text(lines(lambda b: f"{b:.6e}".replace("e", "D"))),
    "a minus that is none": raw_text(lines(lambda b: f"{b:.6e}".replace("-", "\u2212"))),
    "remarks behind": raw_text(lines(lambda b: f"{b:.6e} # good")),
    "a table for people": raw_text("| wavelength | flux |\n|---|---|\n| " + lines(lambda b: f"{b:.6e} |\n|"[:-2], " | ")
                                   .replace("\n", "\n| ")),
    # Units and scales by name.
    "microns": txt("wavelength_um,flux", WAVE / 1e4, FLUX, sep=","),
    "log10": txt("# log10(lambda) flux", np.log10(WAVE), FLUX),
    "millijansky": txt("# wavelength(A) flux(mJy)", WAVE, F_NU * 1e15),
    "f_nu": txt("# wavelength f_nu", WAVE, F_NU),
    "f_nu by a remark": txt("# BUNIT = 'erg/s/cm2/Hz'\n# wavelength flux", WAVE, F_NU),
    "AB magnitudes": txt("# wavelength AB_mag", WAVE, 20 - 2.5 * np.log10(F_NU * 1e15)),
    "frequencies": txt("frequency_ghz,fnu", 2.99792458e9 / WAVE, F_NU, sep=","),
    # FITS.
    "per nm": fit(table(units=UNITS, WAVE=WAVE / 10, FLUX=FLUX)),
    "per nm, otherwise": fit(table(units=UNITS | {"FLUX": "erg nm-1 s-1 cm-2"}, WAVE=WAVE / 10, FLUX=FLUX)),
    "per micron": fit(table(units=UNITS | {"FLUX": "erg/s/cm^2/micron"}, WAVE=WAVE / 10, FLUX=FLUX)),
    "watts": fit(table(units=UNITS | {"FLUX": "W m-2 A-1"}, WAVE=WAVE / 10, FLUX=FLUX)),
    "PC1_1": fit(image(FLUX, CTYPE1="WAVE", CUNIT1="Angstrom", PC1_1=STEP, CDELT1=1.0)),
    "PC1_1 in metres": fit(image(FLUX, CUNIT1="m", CRVAL1=WAVE[0] * 1e-10, PC1_1=STEP * 1e-10, CDELT1=1.0)),
    "PC1_1 times CDELT1": fit(image(FLUX, CUNIT1="nm", CRVAL1=WAVE[0] / 10, PC1_1=STEP, CDELT1=0.1)),
    "CD1_1 over CDELT1": fit(image(FLUX, CD1_1=STEP, CDELT1=1.0)),
    "the variance first": fit(image(ERROR**2, "VAR"), image(FLUX, "SCI")),
    "the sky first": fit(table("SKY", wave=WAVE, flux=SKY), table("OBJECT", wave=WAVE, flux=FLUX)),
    "a mask first": fit(image(INDEX * 0, "DQ"), image(FLUX, "SCI"), image(ERROR, "ERR")),
    "a picture first": fit(image(np.ones((50, 60))), table("SPECTRUM", wave=WAVE, flux=FLUX)),
    "a model first": fit(table("MODEL", wave=WAVE, flux=SKY), table("DATA", wave=WAVE, flux=FLUX)),
    "rows of IDL": fit(image([WAVE, FLUX, ERROR])),
    "rows of IDL without a scale": fit(image([WAVE, FLUX], CRVAL1=None, CDELT1=None, CRPIX1=None)),
    "rows with names": fit(image([SKY, FLUX, ERROR], ARRAY1="SKY", ARRAY2="SPECTRUM", ARRAY3="SIGMA")),
    "flux and error in rows": fit(image([FLUX, ERROR])),
    "along the second axis": fit(image(FLUX[:, None], CRVAL2=WAVE[0], CDELT2=STEP, CRPIX2=1.0)),
    "wavelengths in a part of their own": fit(image(FLUX, "FLUX", CRVAL1=None), image(WAVE, "WAVELENGTH")),
    "PypeIt": fit(table("SPAT0234-SLIT0200-DET01", OPT_WAVE=WAVE, OPT_COUNTS=COUNTS, OPT_FLAM=F15, OPT_FLAM_SIG=ERROR,
                        OPT_MASK=np.ones(N, bool), BOX_WAVE=WAVE, BOX_FLAM=SKY, BOX_MASK=np.zeros(N, bool))),
    "PESSTO": fit(table("SPECTRUM", WAVE=WAVE[None], FLUX_REDUCED=FLUX[None], ERR_REDUCED=ERROR[None],
                        BGFLUX_REDUCED=SKY[None])),
    "specutils": fit(table(None, {"spectral_axis": "nm", "flux": "erg / (Angstrom s cm2)"}, spectral_axis=WAVE / 10,
                           flux=FLUX, uncertainty=ERROR)),
    "counts and flux": fit(table(None, {"COUNTS": "adu"}, WAVE=WAVE, COUNTS=COUNTS, FLUX=FLUX)),
    "red to blue": txt("# wavelength flux", WAVE[::-1], FLUX[::-1]),
    "one wavelength twice": txt("# wavelength flux", np.r_[WAVE[:400], WAVE[399:]], np.r_[FLUX[:400], FLUX[399:]]),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_it_is_read(tmp_path: Path, kind: str) -> None:
    check(one(READ[kind](tmp_path)))


GAPS = np.where(BAD, np.nan, FLUX)
WITH_GAPS: dict[str, tuple[Writer, str]] = {
    "inverse variance 0": (
        fit(table(loglam=np.log10(WAVE), flux=SPOILT, ivar=np.where(BAD, 0, 1 / ERROR**2))), "ivar 0"),
    "error 0": (fit(table(WAVE=WAVE, FLUX=SPOILT, ERR=np.where(BAD, 0, ERROR))), "error is 0"),
    "quality": (fit(table(WAVE=WAVE, FLUX=SPOILT, QUAL=np.where(BAD, 4, 0))), "'QUAL' not 0"),
    "a mask beside the image": (fit(image(BAD.astype(int), "MASK"), image(SPOILT, "FLUX")), "not 0"),
    "infinite errors": (txt("# wavelength flux error", WAVE, SPOILT, np.where(BAD, np.inf, ERROR)), "error is 0"),
    "negative errors": (txt("# wavelength flux error", WAVE, SPOILT, np.where(BAD, -1, ERROR)), "error is 0"),
    "a good-column": (txt("wavelength,flux,good", WAVE, SPOILT, (~BAD).astype(int), sep=","), "'good' 0"),
    "a mask in words": (txt("wavelength,flux,mask", WAVE, SPOILT, BAD, sep=","), "'mask' not 0"),
    "a mask of good pixels": (txt("wavelength,flux,mask", WAVE, SPOILT, (~BAD).astype(int), sep=","), "'mask' 0"),
    "ivar in text": (txt("wavelength,flux,ivar", WAVE, SPOILT, np.where(BAD, 0, 1 / ERROR**2), sep=","), "ivar 0"),
    "fill -999": (txt("# wavelength flux", WAVE, np.where(BAD, -999.0, F15)), "80 pixels hold the fill value -999"),
    "fill 99.99": (txt("# wavelength flux", WAVE, np.where(BAD, 99.99, F15)), "fill value 99.99"),
    "fill 1e20": (txt("# wavelength flux", WAVE, np.where(BAD, 1e20, F15)), "fill value 1e+20"),
    "a run of one value": (txt("# wavelength flux", WAVE, np.where(BAD, 1.0, F15)), "fill value 1"),
    "a run of zeros": (txt("# wavelength flux", WAVE, np.where(BAD, 0.0, F15)), "fill value 0"),
    "INDEF": (txt("", WAVE, np.where(BAD, "INDEF", FLUX.astype(str))), ""),
    "stars of Fortran": (txt("", WAVE, np.where(BAD, "*********", FLUX.astype(str))), ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", WITH_GAPS)
def test_what_is_no_measurement_is_missing_and_told(tmp_path: Path, kind: str) -> None:
    write, words = WITH_GAPS[kind]
    found = one(write(tmp_path))
    check(found, flux=GAPS)
    assert any(words in caveat.text for caveat in found.caveats)


def _packed(pack: Callable[[bytes], bytes], name: str) -> Writer:
    def write(folder: Path) -> Path:
        content = text(folder / "plain.txt", "# wavelength flux", WAVE, FLUX).read_bytes()
        (folder / name).write_bytes(pack(content))
        return folder / name

    return write


def _json(document: Any) -> Writer:
    def write(folder: Path) -> Path:
        (folder / "a.json").write_text(json.dumps(document))
        return folder / "a.json"

    return write


def _parquet(**columns: Any) -> Writer:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table(columns), folder / "a.parquet")
        return folder / "a.parquet"

    return write


def _ecsv(folder: Path) -> Path:
    made = Table({"spectral_axis": WAVE / 10, "flux": FLUX})
    made["spectral_axis"].unit, made["flux"].unit = "nm", "W m-2 nm-1"
    made.write(folder / "a.ecsv", format="ascii.ecsv")
    return folder / "a.ecsv"


ROWS = [{"wavelength": a, "flux": b} for a, b in zip(WAVE.tolist(), FLUX.tolist(), strict=True)]
OTHERS: dict[str, Writer] = {
    "bzip2": _packed(bz2.compress, "a.txt.bz2"),
    "xz": _packed(lzma.compress, "a.txt.xz"),
    "UTF-16": _packed(lambda content: content.decode().encode("utf-16"), "a.txt"),
    "JSON of a marshal": _json({"status": "success", "data": {"wavelengths": WAVE.tolist(), "fluxes": FLUX.tolist()}}),
    "JSON of a catalogue": _json(
        {"SN": {"spectra": [{"data": [[str(r["wavelength"]), str(r["flux"])] for r in ROWS]}]}}
    ),
    "JSON of rows": _json(ROWS),
    "JSON of pairs": _json([list(row.values()) for row in ROWS]),
    "ECSV": _ecsv,
    "Parquet, a row a pixel": _parquet(wavelength=WAVE, flux=FLUX),
    "Parquet, a row a pixel, nm": _parquet(wave_nm=WAVE / 10, flux=FLUX, flux_err=ERROR),
    "Parquet with other names": _parquet(**{"lambda": [WAVE.tolist()], "f_lambda": [FLUX.tolist()]}),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_containers(tmp_path: Path, kind: str) -> None:
    check(one(OTHERS[kind](tmp_path)))


def test_a_logarithmic_table_and_its_wavelengths(tmp_path: Path) -> None:
    flux, _ = light(LOG_WAVE)
    check(one(write_fits(tmp_path / "a.fits", table(loglam=np.log10(LOG_WAVE), flux=flux))), LOG_WAVE, flux)


def test_pixels_of_several_spectra_in_one_parquet_file(tmp_path: Path) -> None:
    names = np.repeat(["a", "b"], N)
    pq.write_table(
        pa.table({"spec_id": names, "wavelength": np.tile(WAVE, 2), "flux": np.tile(FLUX, 2)}), tmp_path / "a.parquet"
    )
    found = list(read_spectra(tmp_path / "a.parquet"))
    assert [raw.spectrum_id for raw in found] == ["a", "b"]
    for raw in found:
        check(examine(raw))


def test_desi_coadds_hold_many_spectra_in_three_arms(tmp_path: Path) -> None:
    parts = []
    for arm, low, high in (("B", 0, 350), ("R", 340, 650), ("Z", 640, N)):
        parts += [
            fits.ImageHDU(WAVE[low:high], name=f"{arm}_WAVELENGTH"),
            fits.ImageHDU(np.tile(F15[low:high], (3, 1)), name=f"{arm}_FLUX"),
            fits.ImageHDU(np.tile(1 / (ERROR[low:high] * 1e15) ** 2, (3, 1)), name=f"{arm}_IVAR"),
        ]
    fibers = table("FIBERMAP", TARGETID=np.array([11, 12, 13]), OBJTYPE=np.array(["TGT", "SKY", "TGT"]))
    found = list(read_spectra(write_fits(tmp_path / "coadd.fits", *parts, fibers)))
    assert [raw.spectrum_id for raw in found] == ["coadd:11", "coadd:13"]
    for raw in found:
        spectrum = examine(raw).spectrum
        assert spectrum is not None
        assert np.allclose(spectrum.flux, F15, rtol=1e-6)


def test_what_was_guessed_is_said(tmp_path: Path) -> None:
    for header, columns, words in (
        ("# wavelength and flux", (WAVE, FLUX, ERROR), "taken by position"),
        ("# Wellenlaenge Fluss", (WAVE, FLUX), "taken by position"),
        ("wavelength value", (WAVE, FLUX), "'value' is taken for the flux"),
        ("", (INDEX, WAVE, FLUX), "only counts the rows"),
        ("", (WAVE, FLUX, SKY, ERROR), "of 4 columns without names"),
        ("# wavelength norm_flux", (WAVE, FLUX), "'norm_flux'"),
    ):
        found = one(text(tmp_path / "a.txt", header, *columns))
        check(found)
        assert any(str(c.code) == "guessed" and words in c.text for c in found.caveats), (header, found.caveats)
