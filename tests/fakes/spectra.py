"""One made spectrum and many ways to write it; nothing in it is an observation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

N = 900
WAVE = np.linspace(3600.0, 9200.0, N)
STEP = float(WAVE[1] - WAVE[0])
LOG_WAVE = np.geomspace(3600.0, 9200.0, N)
_LINES = ((3800, 60, -0.5), (4900, 90, -0.3), (6150, 60, -0.5), (7600, 90, -0.2))


def light(wave: np.ndarray, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Flux and error at these wavelengths, F_lambda, of order 1e-15."""
    shape = (5500.0 / wave) ** 2
    for centre, width, depth in _LINES:
        shape = shape * (1 + depth * np.exp(-0.5 * ((wave - centre) / width) ** 2))
    error = np.full(wave.size, 0.02 * shape.mean())
    return (shape + error * np.random.default_rng(seed).normal(size=wave.size)) * 1e-15, error * 1e-15


FLUX, ERROR = light(WAVE)
SKY = 3e-16 * (1 + 0.4 * np.sin(WAVE / 350.0)) + ERROR
INDEX = np.arange(N)
BAD = (INDEX >= 300) & (INDEX < 380)
SPOILT = np.where(BAD, 9e-15 * np.random.default_rng(3).uniform(-1, 1, N), FLUX)
"""Flux that is nonsense where `BAD`."""


def text(
    path: Path, header: str, *columns: Sequence[Any] | np.ndarray, sep: str = " ", comma: bool = False, ends: str = ""
) -> Path:
    """Write a text table; whole numbers as such, others with nine digits."""
    rows = [sep.join(cell(v) for v in row) + ends for row in zip(*columns, strict=True)]
    body = "\n".join(rows)
    path.write_text((header + "\n" if header else "") + (body.replace(".", ",") if comma else body) + "\n", "utf-8")
    return path


def cell(value: Any) -> str:
    """A value as text."""
    return str(value) if isinstance(value, str | bool | int | np.integer | np.bool_) else f"{value:.9g}"


LINEAR = {"CRVAL1": WAVE[0], "CDELT1": STEP, "CRPIX1": 1.0}


def image(data: Any, name: str | None = None, **cards: Any) -> fits.ImageHDU:
    """An image with a linear scale, unless the cards say otherwise; a card of None is left out."""
    hdu = fits.ImageHDU(np.asarray(data), name=name)
    hdu.header.update({k: v for k, v in {**LINEAR, **cards}.items() if v is not None})
    return hdu


def table(name: str | None = None, units: dict[str, str] | None = None, **columns: Any) -> fits.BinTableHDU:
    """A binary table, a pixel a row."""
    hdu = fits.BinTableHDU(Table(columns), name=name)
    for key, unit in (units or {}).items():
        hdu.columns[key].unit = unit
    return hdu


def write_fits(path: Path, *hdus: Any) -> Path:
    """Write the parts behind an empty first one."""
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


Writer = Callable[[Path], Path]
"""Writes a file into a folder and gives its place."""


def txt(header: str, *columns: Any, name: str = "a.txt", **how: Any) -> Writer:
    return lambda folder: text(folder / name, header, *columns, **how)


def fit(*hdus: Any) -> Writer:
    return lambda folder: write_fits(folder / "a.fits", *(hdu.copy() for hdu in hdus))


def raw_text(content: str) -> Writer:
    def write(folder: Path) -> Path:
        (folder / "a.txt").write_text(content, "utf-8")
        return folder / "a.txt"

    return write


COUNTED = {
    "object_id": ["a", "b"] * 20,
    "mjd": [61000.0 + i for i in range(40)],
    "band": ["zg", "zr", "1", "ztfg"] * 10,
    "mag": [18.0 + 0.1 * (i % 9) for i in range(40)],
    "magerr": [0.1] * 40,
    "limmag": [20.5] * 40,
    "is_limit": ["f"] * 39 + ["t"],
    "isdiffpos": [1.0] * 40,
}
"""A table of photometry."""
