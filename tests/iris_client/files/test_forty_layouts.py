"""One spectrum written in any of many ways is one spectrum, or a refusal that names its cause.

What the classifier sees is compared, on its own grid: equal there, the classes and probabilities are equal too.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from iris_client.files.spectra import read_spectra
from iris_client.quality.control import examine
from models.domain import Spectrum
from models.spectral.prepare import prepare
from tests.fakes.spectra import BAD, ERROR, FLUX, INDEX, SKY, SPOILT, STEP, WAVE, N, image, table

SCALE_TOLERANCE = 2e-3
TRUE = prepare(Spectrum(spectrum_id="true", wavelength_A=WAVE, flux=FLUX))
GAPPED = prepare(Spectrum(spectrum_id="gapped", wavelength_A=WAVE, flux=np.where(BAD, np.nan, FLUX)))
F_NU = FLUX * (WAVE / 6000.0) ** 2

WAVES: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
    "plain": (("wavelength", "wave", "lambda_obs", "Wavelength [A]", "WAVE(Angstrom)", "wl", "wavelength_air"), WAVE),
    "nm": (("wavelength_nm", "wave (nm)", "lambda [nm]", "Wavelength [nanometers]"), WAVE / 10),
    "um": (("wave_um", "wavelength (micron)", "lambda[um]"), WAVE / 1e4),
    "log": (("loglam", "log10(wavelength)", "log_lambda"), np.log10(WAVE)),
}
FLUXES: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
    "plain": (("flux", "Flux [erg/s/cm2/A]", "flam", "f_lambda", "FLUX_CAL", "flux (erg s-1 cm-2 A-1)"), FLUX),
    "f_nu": (("fnu", "f_nu", "flux [mJy]", "flux (erg/s/cm2/Hz)"), F_NU * 1e12),
    "mag": (("AB_mag", "mag", "abmag"), 20 - 2.5 * np.log10(F_NU * 1e15)),
}
EXTRA: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
    "none": ((), np.zeros(0)),
    "error": (("error", "flux_err", "sigma", "e_flux", "uncertainty"), ERROR),
    "sky": (("sky", "sky_flux", "background"), SKY),
    "counts": (("counts", "raw_counts"), FLUX * 1e17),
    "pixel": (("pix", "index", "pixel"), INDEX.astype(float)),
    "mask": (("mask", "flag", "DQ"), BAD.astype(float)),
    "ivar": (("ivar", "inverse_variance", "invvar"), np.where(BAD, 0.0, 1e-30 / ERROR**2)),
}


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[str], list[np.ndarray], bool]:
    """Names and columns in any order, and whether some pixels are spoilt and flagged."""
    names, columns, gaps = [], [], False
    wave = draw(st.sampled_from(sorted(WAVES)))
    flux = draw(st.sampled_from(sorted(FLUXES)))
    extra = draw(st.sampled_from(sorted(EXTRA)))
    for options, values in (WAVES[wave], FLUXES[flux], EXTRA[extra]):
        if options:
            names.append(draw(st.sampled_from(options)))
            columns.append(values)
    if extra in ("mask", "ivar") and flux == "plain":
        columns[1] = SPOILT
    gaps = extra in ("mask", "ivar")
    if draw(st.booleans()):
        columns = [values[::-1] for values in columns]
    order = draw(st.permutations(range(len(names))))
    return [names[i] for i in order], [columns[i] for i in order], gaps


def in_text(names: list[str], columns: list[np.ndarray], draw: Any) -> bytes:
    sep, comma = draw(
        st.sampled_from([(",", False), (";", False), (";", True), ("\t", False), ("\t", True), ("  ", False)])
    )
    head = draw(st.sampled_from(["", "# ", "## ", "% ", "# Columns: "]))
    quote = '"' if any(" " in n for n in names) and sep == "  " else ""
    before = draw(st.sampled_from(["", "# SN 2026abc, a remark about flux\n", "# made: 2026-01-02 03:04\n#\n"]))
    number = draw(st.sampled_from(["{:.9g}", "{:.9e}", "{:>18.10g}", "D"]))
    shown = (lambda v: f"{v:.9e}".replace("e", "D")) if number == "D" else number.format
    rows = [sep.join(shown(v) for v in row) for row in zip(*columns, strict=True)]
    body = "\n".join(rows)
    header = head + sep.join(f"{quote}{n}{quote}" for n in names)
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    text = before + header + "\n" + (body.replace(".", ",") if comma else body) + "\n"
    return text.replace("\n", ends).encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))


def in_ecsv(names: list[str], columns: list[np.ndarray], draw: Any) -> bytes:
    out = io.StringIO()
    Table(dict(zip(names, columns, strict=True))).write(
        out, format="ascii.ecsv", delimiter=draw(st.sampled_from([" ", ","]))
    )
    return out.getvalue().encode()


def in_json(names: list[str], columns: list[np.ndarray], draw: Any) -> bytes:
    lists = {n: c.tolist() for n, c in zip(names, columns, strict=True)}
    rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    return json.dumps(draw(st.sampled_from([lists, rows, {"data": lists}, [lists]]))).encode()


def in_parquet(names: list[str], columns: list[np.ndarray], draw: Any) -> bytes:
    out = io.BytesIO()
    whole = draw(st.booleans())
    pq.write_table(pa.table({n: [c.tolist()] if whole else c for n, c in zip(names, columns, strict=True)}), out)
    return out.getvalue()


def in_fits(names: list[str], columns: list[np.ndarray], draw: Any) -> bytes:
    kind, one_row = draw(st.sampled_from([">f8", "<f8"])), draw(st.booleans())
    values = {n: (c[None] if one_row else c).astype(kind) for n, c in zip(names, columns, strict=True)}
    parts = [fits.BinTableHDU(Table(values), name=draw(st.sampled_from([None, "SPECTRUM", "COADD", "DATA"])))]
    if draw(st.booleans()):
        sky = table("SKY", wave=WAVE, flux=SKY)
        parts = draw(st.permutations([*parts, sky, image(np.zeros((9, 7)), "PREVIEW")]))
    return packed(fits.PrimaryHDU(), *parts)


def packed(*hdus: Any) -> bytes:
    out = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(out)
    return out.getvalue()


CONTAINERS: dict[str, Callable[..., bytes]] = {
    "text": in_text, "ecsv": in_ecsv, "json": in_json, "parquet": in_parquet, "fits": in_fits,
}  # fmt: skip


def agrees(path: Path, content: bytes, *, gaps: bool) -> bool:
    """One answer, or a refusal that names what was read as what; whether it was an answer."""
    path.write_bytes(content)
    (raw,) = read_spectra(path)
    found = examine(raw)
    if found.spectrum is None:
        assert any(word in (found.reason or "") for word in ("column", "read as", "comma")), found.reason
        return False
    seen = prepare(found.spectrum)
    wanted = GAPPED if gaps else TRUE
    assert np.array_equal(seen.mask, wanted.mask), raw.read_as
    assert np.allclose(seen.flux, wanted.flux, atol=SCALE_TOLERANCE), raw.read_as
    return True


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layouts(), st.sampled_from(sorted(CONTAINERS)), st.data())
def test_one_spectrum_in_forty_layouts(tmp_path: Path, layout: Any, container: str, data: st.DataObject) -> None:
    names, columns, gaps = layout
    content = CONTAINERS[container](names, columns, data.draw)
    event(f"{container}: {agrees(tmp_path / 'a.dat', content, gaps=gaps)}")


BESIDE = ("", "error", "variance", "ivar", "mask", "rows")
IMAGE_CARDS = {
    "CDELT1": {},
    "CD1_1": {"CDELT1": None, "CD1_1": STEP},
    "CD1_1 beside a CDELT1 of one": {"CDELT1": 1.0, "CD1_1": STEP},
    "PC1_1": {"CDELT1": 1.0, "PC1_1": STEP},
    "nm": {"CRVAL1": WAVE[0] / 10, "CDELT1": STEP / 10, "CUNIT1": "nm"},
    "metres": {"CRVAL1": WAVE[0] * 1e-10, "CDELT1": STEP * 1e-10, "CUNIT1": "m", "CTYPE1": "WAVE"},
    "from the middle": {"CRVAL1": WAVE[N // 2], "CRPIX1": N // 2 + 1.0},
    "red to blue": {"CRVAL1": WAVE[-1], "CDELT1": -STEP},
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(IMAGE_CARDS)), st.sampled_from(["", "error", "variance", "ivar", "mask", "rows"]), st.data()
)
def test_one_spectrum_in_images(tmp_path: Path, cards: str, beside: str, data: st.DataObject) -> None:
    draw, header = data.draw, IMAGE_CARDS[cards]
    turn = slice(None, None, -1) if cards == "red to blue" else slice(None)
    gaps = beside in ("ivar", "mask")
    flux = (SPOILT if gaps else FLUX)[turn]
    per_nu = draw(st.booleans()) and not gaps
    flux = F_NU[turn] if per_nu else flux
    unit = {"BUNIT": "erg/s/cm2/Hz" if per_nu else draw(st.sampled_from(["erg/s/cm2/A", "W m-2 nm-1", ""]))}
    planes = {
        "error": ("ERR", ERROR), "variance": ("STAT", ERROR**2), "mask": ("DQ", BAD.astype("i2")),
        "ivar": ("IVAR", np.where(BAD, 0, 1e-30 / ERROR**2)),
    }  # fmt: skip
    if beside == "rows" and not per_nu:
        flux = np.stack([SKY[turn], flux, ERROR[turn]])
        unit |= {"ARRAY1": "SKY", "ARRAY2": "FLUX", "ARRAY3": "SIGMA"}
    kind = draw(st.sampled_from([">f8", ">f4"]))
    parts = [image(flux.astype(kind), draw(st.sampled_from(["SCI", "FLUX", "SPECTRUM"])), **header, **unit)]
    if beside in planes:
        name, values = planes[beside]
        parts = draw(st.permutations([*parts, image(values[turn], name, **header)]))
    assert agrees(tmp_path / "a.fits", packed(fits.PrimaryHDU(), *parts), gaps=gaps)


def test_there_are_forty_of_them() -> None:
    columns = sum(len(options) for options, _ in [*WAVES.values(), *FLUXES.values(), *EXTRA.values()])
    assert columns + len(CONTAINERS) + len(IMAGE_CARDS) >= 40
