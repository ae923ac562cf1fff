"""One spectrum with its label and everything that is known of it, wherever it came from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from iris_client.taxonomy.names import Label, translate
from models.domain import RawSpectrum

POOL_FILES: Final = ("spectra_pool*.parquet", "spectra_semireal*.parquet")
"""Patterns of the files of the trained classes; the semi-real ones hold some rare ones too."""
RARE_FILES: Final = ("spectra_rare*.parquet",)
_COLUMNS: Final = (
    "spec_id", "object_id", "split_group", "aliases", "raw_type", "raw_type_all", "fine_class", "rare_class",
    "redshift", "mjd", "phase_days", "instrument", "source", "snr_est", "ambiguous", "semi_real", "wavelength", "flux",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A labelled spectrum before anything was decided about it.

    Parameters
    ----------
    raw : RawSpectrum
        With redshift and phase, where they are known.
    group : str
        The object: spectra of one group never stand on two sides of a split.
    names : tuple of str
        Other names of the object.
    label : Label
        What its type means to us.
    types : tuple of str
        Every type that some source gives the object.
    redshift_origin : str or None
        `catalogue`, or as `iris_client.quality.phase.redshift_of` says.
    mjd, phase_error_days, snr : float or None
    phase_reason : str or None
        Why there is no phase.
    """

    raw: RawSpectrum
    group: str
    names: tuple[str, ...] = ()
    label: Label
    types: tuple[str, ...] = ()
    redshift_origin: str | None = None
    mjd: float | None = None
    phase_error_days: float | None = None
    phase_reason: str | None = None
    snr: float | None = None
    semi_real: bool = False
    source: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def sedm(self) -> bool:
        """Whether the SED Machine took it."""
        return "SEDM" in (self.raw.instrument or "").upper()

    @property
    def class_name(self) -> str:
        """Fine class, `rare: ...`, or `no class`: the row it is counted in."""
        return self.label.fine or (f"rare: {self.label.rare}" if self.label.rare else "no class")


def catalogue_files(folder: Path, patterns: Sequence[str] = POOL_FILES) -> list[Path]:
    """The labelled parquet files of a data folder, pattern by pattern, each in the order of their names.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    paths = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    if not paths:
        raise FileNotFoundError(f"no labelled spectra in {folder}: expected {', '.join(patterns)}")
    return paths


def read_catalogue(folder: Path, patterns: Sequence[str] = POOL_FILES) -> Iterator[Record]:
    """The spectra of a data folder's parquet files, in their order.

    Labels are the catalogue's own (`fine_class`, `rare_class`), which people have looked at; without those columns
    the type string is translated.

    Raises
    ------
    FileNotFoundError
        If none of the files is there.
    """
    for path in catalogue_files(folder, patterns):
        yield from read_parquet(path)


def read_parquet(path: Path) -> Iterator[Record]:
    """The labelled spectra of one parquet file."""
    file = pq.ParquetFile(path)
    columns = [c for c in _COLUMNS if c in file.schema_arrow.names]
    for batch in file.iter_batches(batch_size=500, columns=columns):
        # Lists of Python floats would cost more than everything else together.
        arrays = {name: batch.column(name) for name in ("wavelength", "flux")}
        for i, row in enumerate(batch.drop_columns(list(arrays)).to_pylist()):
            yield _record(dict.fromkeys(_COLUMNS) | row, *(column[i].values.to_numpy() for column in arrays.values()))


def _record(row: dict[str, Any], wavelength: Any, flux: Any) -> Record:
    return Record(
        raw=RawSpectrum(
            spectrum_id=row["spec_id"],
            target_id=row["object_id"],
            wavelengths=wavelength,
            fluxes=flux,
            redshift=row["redshift"],
            phase_days=row["phase_days"],
            instrument=row["instrument"],
        ),
        group=str(row["split_group"] or row["object_id"]),
        names=_names(row),
        label=_label(row),
        types=tuple(t for t in (row["raw_type_all"] or "").split("|") if t),
        redshift_origin=None if row["redshift"] is None else "catalogue",
        mjd=row["mjd"],
        phase_reason=None if row["phase_days"] is not None else "no date of maximum is catalogued",
        snr=row["snr_est"],
        semi_real=bool(row["semi_real"]),
        source=row["source"] or "",
    )


def _names(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n for n in (row["object_id"], *(row["aliases"] or "").split("|")) if n))


def _label(row: dict[str, Any]) -> Label:
    raw, ambiguous = row["raw_type"] or "", bool(row["ambiguous"])
    if row["fine_class"]:
        return Label(raw=raw, status="fine", fine=row["fine_class"], ambiguous=ambiguous)
    if row["rare_class"]:
        return Label(raw=raw, status="rare", rare=row["rare_class"], ambiguous=ambiguous)
    return translate(raw)


def usable(records: Iterable[Record]) -> Iterator[Record]:
    """Those with a trained class that nobody doubts."""
    return (r for r in records if r.label.fine and not r.label.ambiguous)
