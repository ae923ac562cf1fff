"""A folder of spectra with labels: what every program is asked about."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from iris_client.files.spectra import read_spectra
from iris_client.quality.control import QualityRules, examine
from models.domain import FINE_CLASSES, Spectrum
from models.matching.subtypes import SUBTYPES
from models.training.dataset import Dataset
from models.training.matching.labels import subtypes
from plugin.lab.matching.frames import read_spectra as spectra_of

LABELS: Final = "labels.csv"
COLUMNS: Final = ("file", "class", "redshift", "subtype", "object")
_SEED: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One spectrum and what it is.

    Parameters
    ----------
    name : str
        The file's, without its ending.
    path : Path
        As it lies in the folder.
    spectrum : Spectrum
        Through quality control: what every program gets, in a file of two columns.
    label, subtype : str, str or None
        One of `FINE_CLASSES` and of `models.matching.subtypes.SUBTYPES`.
    group : str
        The object, which intervals are drawn by; the file where nothing is said.
    """

    name: str
    path: Path
    spectrum: Spectrum
    label: str
    redshift: float | None
    subtype: str | None
    group: str


def read_cases(folder: Path) -> list[Case]:
    """Read `labels.csv` (file, class, and where known redshift, subtype, object) and the spectra it names.

    Raises
    ------
    ValueError
        With the line and what is wrong with it.
    """
    try:
        rows = list(csv.DictReader((folder / LABELS).read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise ValueError(f"{folder / LABELS}: {error.strerror}; it must name the class of each file") from None
    cases = [_case(folder, row, f"{LABELS}, line {n}") for n, row in enumerate(rows, 2)]
    if not cases:
        raise ValueError(f"{folder / LABELS} names no spectra")
    if len({case.name for case in cases}) < len(cases):
        raise ValueError(f"{folder / LABELS}: two files have the same name before their ending")
    return cases


def _case(folder: Path, row: dict[str, str], where: str) -> Case:
    name, label = row.get("file", ""), row.get("class", "")
    if label not in FINE_CLASSES:
        raise ValueError(f"{where}: the class is {label!r}, and not one of {', '.join(FINE_CLASSES)}")
    if not name or not (folder / name).is_file():
        raise ValueError(f"{where}: there is no file {name!r}")
    (raw, *_) = read_spectra(folder / name)
    spectrum = examine(raw, QualityRules()).spectrum
    if spectrum is None:
        raise ValueError(f"{where}: {name} does not pass quality control")
    subtype = row.get("subtype") or None
    return Case(
        name=Path(name).stem,
        path=folder / name,
        spectrum=spectrum,
        label=label,
        redshift=float(row["redshift"]) if row.get("redshift") else None,
        subtype=subtype if subtype in SUBTYPES.get(label, ()) else None,
        group=row.get("object") or name,
    )


def draw_cases(data_folder: Path, part: Dataset, folder: Path, each: int) -> None:
    """Write a folder of labelled spectra from a data folder: up to `each` of a class, one of an object, by lot."""
    rng, kind = np.random.default_rng(_SEED), subtypes(part)
    chosen: list[int] = []
    for k in range(len(FINE_CLASSES)):
        first: dict[str, int] = {}
        for i in rng.permutation(np.flatnonzero(part.label == k)):
            first.setdefault(part.groups[i], int(i))
        chosen += list(first.values())[:each]
    rows = part.rows(np.array(chosen, int))
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for n, (spectrum, i) in enumerate(zip(spectra_of(data_folder, rows), chosen, strict=True)):
        label = FINE_CLASSES[part.label[i]]
        write_ascii(folder / f"{n:04d}.txt", spectrum)
        redshift = "" if not np.isfinite(part.redshift[i]) else f"{part.redshift[i]:.5f}"
        subtype = SUBTYPES[label][kind[i]] if kind[i] >= 0 else ""
        lines.append((f"{n:04d}.txt", label, redshift, subtype, part.groups[i]))
    with (folder / LABELS).open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([COLUMNS, *lines])


def write_ascii(path: Path, spectrum: Spectrum) -> None:
    """Wavelength in Angstrom and flux, where there is any."""
    known = np.isfinite(spectrum.flux)
    np.savetxt(path, np.c_[spectrum.wavelength_A[known], spectrum.flux[known]], fmt="%.3f %.6e")


def labels_of(cases: Sequence[Case]) -> np.ndarray:
    """Index of each case's class, shape (n,)."""
    return np.array([FINE_CLASSES.index(case.label) for case in cases], np.int64)
