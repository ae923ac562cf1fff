"""Calibration spectra as columns: those of a bundle, or answers of one's own whose truth is known."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from models.conformal.domains import Domains, domain_of
from models.conformal.sets import nonconformity
from models.spectral.prepare import Extent

Floats = NDArray[np.float64]
_TEXTS = ("objects",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One row per spectrum: what the networks said without any metadata, and what it is.

    Parameters
    ----------
    label : ndarray of int, shape (n,)
        Index into `FINE_CLASSES`; -1 for a rare type, which is none of them.
    fine : ndarray, shape (n, 7)
        Ensemble probabilities without redshift, after the bundle's readout.
    seed_scores : ndarray, shape (n, seeds)
    families : ndarray, shape (n, 4)
    epistemic : ndarray, shape (n,)
        Nats.
    spacing, coverage, blue_end, red_end : ndarray, shape (n,)
        Median pixel in Angstrom, and shares of the window; see `models.spectral.prepare.Extent`.
    objects : ndarray of str, shape (n,)
        Name of the object of each spectrum, the unit of every split; empty where it is not known.
    answered_at : ndarray, shape (n,)
        When it was answered, seconds since 1970, UTC; 0 where that means nothing.
    cut : ndarray of bool, shape (n,)
        Which are whole spectra that were cut to the coverage of partial ones.
    """

    label: NDArray[np.int64]
    fine: Floats
    seed_scores: Floats
    families: Floats
    epistemic: Floats
    spacing: Floats
    coverage: Floats
    blue_end: Floats
    red_end: Floats
    objects: NDArray[np.str_]
    answered_at: Floats
    cut: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if len({len(getattr(self, f.name)) for f in fields(self)}) != 1:
            raise ValueError("every column needs the same length")

    def __len__(self) -> int:
        return len(self.label)

    def rows(self, where: NDArray[np.bool_] | NDArray[np.int64]) -> "Rows":
        """The same columns for some rows, by boolean mask or index."""
        return Rows(**{f.name: getattr(self, f.name)[where] for f in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence["Rows"]) -> "Rows":
        """The rows of several, one after the other; empty ones add nothing.

        Raises
        ------
        ValueError
            If there is none.
        """
        parts = [part for part in parts if len(part)] or list(parts[:1])
        return cls(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)})

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class, shape (n,)."""
        return self.fine.argmax(1)

    @property
    def anomaly(self) -> Floats:
        """Mean of the seeds' anomaly scores, shape (n,)."""
        return self.seed_scores.mean(1)

    @property
    def nonconformity(self) -> Floats:
        """`1 - p(true class)`, shape (n,).

        Raises
        ------
        ValueError
            If a label is none of the classes.
        """
        if (self.label < 0).any():
            raise ValueError("a rare type has no nonconformity")
        return nonconformity(self.fine, self.label)

    def domains(self) -> Domains:
        """Which rows stand for which domain."""
        return Domains.of(
            self.spacing, len(self), coverage=self.coverage, blue_end=self.blue_end, red_end=self.red_end, cut=self.cut
        )

    @property
    def domain_names(self) -> NDArray[np.str_]:
        """The domain of each row, shape (n,), whether or not there are others like it; empty for what is like none."""
        ends = zip(self.coverage, self.blue_end, self.red_end, strict=True)
        told = (Extent(*map(float, row)) for row in ends)
        return np.array([domain_of(float(s), e) or "" for s, e in zip(self.spacing, told, strict=True)], dtype=np.str_)

    def count_objects(self) -> int:
        """How many objects the rows are of; rows without an object's name count each."""
        named = self.objects[self.objects != ""]
        return len(set(named.tolist())) + int((self.objects == "").sum())

    def first_of_each_object(self) -> "Rows":
        """The earliest row of each object, in order of time; rows without an object's name each for itself."""
        order = np.argsort(self.answered_at, kind="stable")
        seen: set[str] = set()
        kept = []
        for i in order:
            name = str(self.objects[i])
            if name and name in seen:
                continue
            seen.add(name)
            kept.append(i)
        return self.rows(np.array(kept, np.int64))

    def to_bytes(self) -> bytes:
        """Safetensors; equal rows give equal bytes."""
        arrays: dict[str, Any] = {f.name: np.ascontiguousarray(getattr(self, f.name)) for f in fields(self)}
        for name in _TEXTS:
            joined = "\n".join(str(one).replace("\n", " ") for one in arrays[name])
            arrays[name] = np.frombuffer(joined.encode() or b"\n", np.uint8).copy()
        return bytes(save(arrays))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Rows":
        """Read what `to_bytes` wrote.

        Raises
        ------
        ValueError
            If it is none.
        """
        try:
            arrays: dict[str, Any] = dict(load(data))
            for name in _TEXTS:
                arrays[name] = np.array(arrays[name].tobytes().decode().split("\n")[: len(arrays["label"])])
            return cls(**arrays)
        except Exception as error:
            raise ValueError(f"these are no calibration spectra: {type(error).__name__}") from None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.to_bytes()).hexdigest()
