"""A draft of a classification report: what a person reviews, and exactly what is sent of it afterwards."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from iris_client.tns.values import IdTables

OBJECT_SPECTRUM: Final = "10"
"""The TNS's number for the spectrum of the object itself."""
UNNAMED: Final = "NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One report.

    Parameters
    ----------
    name : str
        The object's bare name at the TNS, such as `2026abc`.
    type_name : str or None
        The TNS's object type; None where it has none for our class.
    redshift, redshift_source
        The marshal's or the TNS's, and whose; None where neither has one.
    probability, without_redshift : float, bool
        Of the class; whether the redshift that is known was left out of account for it, as for the calibration spectra.
    purity : mapping
        The `models.conformal.purity.Cut` that the probability is above.
    tns_instrument : str
        What the TNS calls the instrument, as far as we know.
    ascii : str
        The spectrum's file.
    missing : tuple of str
        What keeps it from being sent, each in words.
    numbers_from : str
        Where it was looked up whether the TNS knows type and instrument.
    """

    target_id: str
    spectrum_id: str
    version: str
    name: str
    label: str
    type_name: str | None
    probability: float
    without_redshift: bool
    purity: Mapping[str, Any]
    bundle: str
    redshift: float | None
    redshift_source: str | None
    observed_at: str | None
    instrument: str
    tns_instrument: str
    exposure_s: float | None
    observer: str
    reducer: str
    classifier: str
    group_id: int | None
    file_name: str
    ascii: str
    missing: tuple[str, ...]
    numbers_from: str

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {**dataclasses.asdict(self), "missing": list(self.missing), "purity": dict(self.purity)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises
        ------
        TypeError
            If something is missing.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{**{k: v for k, v in data.items() if k in known}, "missing": tuple(data["missing"])})

    @property
    def mark(self) -> str:
        """By which our spectrum is known again among those the TNS shows."""
        return hashlib.sha256(f"{self.target_id} {self.spectrum_id} {self.version}".encode()).hexdigest()[:12]

    def remarks(self, reviewer: str = UNNAMED) -> str:
        """What stands under the report."""
        c = self.purity
        plain = " without the redshift" if self.without_redshift else ""
        return (
            f"Classified by a machine (ASTRANet {self.bundle}, probability {self.probability:.2f}{plain}), reviewed by "
            f"{reviewer}. Of {c['spectra']} calibration spectra of {c['domain']} called {self.label} with at least "
            f"{c['threshold']:.2f}, {c['purity']:.1%} are {self.label} ({c['low']:.1%} to {c['high']:.1%})."
            + (f" Redshift from {self.redshift_source}." if self.redshift is not None else "")
        )

    def wire(self, *, reviewer: str, stored_name: str, tables: IdTables) -> dict[str, Any]:
        """The report in the TNS's form.

        Parameters
        ----------
        stored_name : str
            As the TNS calls the uploaded file.
        tables : IdTables
            The TNS's own numbers.

        Raises
        ------
        ValueError
            If the TNS has no such type or instrument, or something is missing.
        """
        kind = None if self.type_name is None else tables.type_id(self.type_name)
        instrument = tables.instrument_id(self.tns_instrument)
        trouble = [*self.missing]
        trouble += [f"the TNS has no object type called {self.type_name}"] if kind is None else []
        trouble += [f"the TNS has no instrument called {self.tns_instrument}"] if instrument is None else []
        if trouble:
            raise ValueError("; ".join(trouble))
        period = {"spec_proprietary_period_value": "0", "spec_proprietary_period_units": "years"}
        spectrum = {
            "obsdate": self.observed_at,
            "instrumentid": str(instrument),
            "exptime": "" if self.exposure_s is None else f"{self.exposure_s:g}",
            "observer": self.observer,
            "reducer": self.reducer,
            "spectypeid": OBJECT_SPECTRUM,
            "ascii_file": stored_name,
            "fits_file": "",
            "remarks": f"ASTRANet {self.mark}",
            "spec_proprietary_period": period,
        }
        entry = {
            "name": self.name,
            "classifier": self.classifier,
            "objtypeid": str(kind),
            "redshift": "" if self.redshift is None else f"{self.redshift:.6g}",
            "groupid": str(self.group_id),
            "class_proprietary_period": {
                "class_proprietary_period_value": "0",
                "class_proprietary_period_units": "years",
            },
            "remarks": self.remarks(reviewer),
            "spectra": {"spectra-group": {"0": spectrum}},
        }
        return {"classification_report": {"0": entry}}
