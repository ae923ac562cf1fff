"""SNID-SAGE (Stoppa, MIT licence): `sage batch` in an environment of its own, with templates given or made."""

import csv
import math
import os
import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from models.domain import FINE_CLASSES
from models.matching.bank import MatchBank
from models.matching.grid import CENTRES_A
from models.matching.subtypes import SUBTYPES
from plugin.lab.peers.cases import Case, write_ascii
from plugin.lab.peers.peer import PeerAnswer, PeerError, Told

MAKER: Final = Path(__file__).with_name("snid_sage_templates.py")
MADE: Final = (
    "{n} templates were made of our bank, in its bins of 600 km/s and with a phase of 0 where none is known; the "
    "seconds of that are not counted. With templates of its own it may do better or worse"
)
_TYPES: Final[Mapping[str, str]] = {
    **{name: name for name in FINE_CLASSES},
    "Ia": "SN Ia",
    **dict.fromkeys(("Ib", "Ic", "Ibc", "Ibn", "Icn", "Ib/c"), "SN Ibc"),
    "II": "SN II",
    **dict.fromkeys(("SLSN-I", "SLSN-II"), "SLSN"),
}
_SUBTYPES: Final[Mapping[str, str]] = {
    **{name: name for names in SUBTYPES.values() for name in names},
    "Ia-91bg-like": "Ia-91bg",
    "Ia-91T-like": "Ia-91T",
    "Ia-csm": "Ia-CSM",
    "IIP": "II",
    "IIL": "II",
    "Ib-norm": "Ib",
    "Ic-norm": "Ic",
    "Ic-broad": "Ic-BL",
}
_LAST_WORDS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class SnidSage:
    """A `plugin.lab.peers.peer.Peer`.

    Parameters
    ----------
    environment : Path
        The virtual environment that `make peers` makes.
    templates : Path or None
        A folder of SNID-SAGE's templates (`template_index.json` and its HDF5 files).
    bank : MatchBank or None
        Where no folder is given: the spectra of which templates are made, the same as ours.
    """

    environment: Path
    templates: Path | None = None
    bank: MatchBank | None = None

    @property
    def name(self) -> str:
        """With whose templates."""
        return (
            f"SNID-SAGE, {'templates that were given' if self.templates is not None else 'our bank as its templates'}"
        )

    def missing(self) -> str | None:
        """Environment, then templates."""
        if not self._program("sage").is_file():
            return f"SNID-SAGE is skipped: it is not installed in {self.environment}, which `make peers` does."
        if self.templates is None and self.bank is None:
            return "SNID-SAGE is skipped: no folder of its templates is given, and none come with it."
        if self.templates is not None and not (self.templates / "template_index.json").is_file():
            return f"SNID-SAGE is skipped: {self.templates} holds no template_index.json."
        return None

    def ask(self, cases: Sequence[Case], scratch: Path) -> Told:
        """All spectra in one process, sequentially, without plots; its own preprocessing and defaults."""
        templates, notes = self.templates, tuple[str, ...]()
        if templates is None:
            templates, notes = scratch / "templates", (MADE.format(n=self._make(scratch)),)
        spectra = scratch / "spectra"
        spectra.mkdir()
        for case in cases:
            write_ascii(spectra / f"{case.name}.txt", case.spectrum)
        out, before = scratch / "answers", _children()
        options = ("--output-dir", out, "--minimal", "--no-plots", "--workers", "0")
        self._run("sage", "batch", f"{spectra}/*.txt", templates.resolve(), *options)
        seconds = _children() - before
        found = _answers(out / "batch_results.csv")
        return Told(answers=[found.get(c.name, PeerAnswer()) for c in cases], seconds=seconds, notes=notes)

    def _make(self, scratch: Path) -> int:
        assert self.bank is not None
        arrays, out = scratch / "bank.npz", (scratch / "templates").resolve()
        np.savez(arrays, allow_pickle=False, **template_arrays(self.bank))
        self._run("python", "-I", MAKER, arrays, out)  # nothing of ours may be imported for something of its own
        return len(self.bank)

    def _program(self, name: str) -> Path:
        return (self.environment / "bin" / name).absolute()

    def _run(self, name: str, *arguments: object) -> None:
        """In a home of its own, without a display: it keeps settings, and loads a window system."""
        home = {"HOME": str(self.environment.absolute()), "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(  # noqa: S603 - the program of the user's own environment
            [str(self._program(name)), *map(str, arguments)],
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | home,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            raise PeerError(f"SNID-SAGE ended with {done.returncode}: {(done.stderr or done.stdout)[-_LAST_WORDS:]}")


def template_arrays(bank: MatchBank) -> dict[str, np.ndarray]:
    """A bank as plain arrays: rest wavelengths, flux of each row with NaN where missing, and what it is."""
    labels = [FINE_CLASSES[k] for k in bank.label]
    known = [SUBTYPES[c][s] if s >= 0 else c for c, s in zip(labels, bank.subtype, strict=True)]
    return {
        "wavelength": CENTRES_A,
        "flux": np.where(bank.masks(), bank.values.astype(np.float32), np.nan),
        "name": np.array([name.replace("/", "_") for name in bank.ids]),
        "type": np.array(labels),
        "subtype": np.array(known),
        "age": np.nan_to_num(bank.phase_days, nan=0.0),
    }


def _answers(table: Path) -> dict[str, PeerAnswer]:
    """From its table of results; a spectrum without a match is told as `nan`."""
    try:
        rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise PeerError(f"SNID-SAGE wrote no table of results: {error.strerror}") from None
    return {
        Path(row["file"]).stem: PeerAnswer(
            label=_TYPES.get(row["type"]), redshift=_number(row["z"]), subtype=_SUBTYPES.get(row["subtype"])
        )
        for row in rows
    }


def _number(text: str) -> float | None:
    value = float(text or "nan")
    return value if math.isfinite(value) else None


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
