"""The one answer about one spectrum or source: stable JSON, of which posts, notes, pages and the CLI are views."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from models.domain.answers import Anomaly, Basis, Confidence, HostVerdict, Verdict
from models.domain.caveats import Caveat
from models.domain.joined import Surrounding
from models.domain.matching import Luminosity, PhaseEstimate, RedshiftEstimate, Subtype, WhatIf, WithLuminosity

SCHEMA_VERSION = 1
"""Written into every report. It grows when what an older reader would make of a newer report is wrong; a key that only
adds something needs no new one, for who does not know it passes over it."""


class Status(StrEnum):
    """Whether there is an answer. A refusal is one too: it says why there is no class."""

    OK = "ok"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the models found, and everything they did not, with reasons.

    A report depends on nothing but its evidence and the bundle: no clock, no host name. The same evidence gives the
    same bytes, which is what lets the service skip posts that would change nothing.

    Parameters
    ----------
    target_id, spectrum_id : str or None
        What it is about.
    status : Status
        `refused` when there is no spectral class; `reason` then holds the sentence.
    redshift, phase, subtype, matches
        What matching archive spectra say; None or empty where the bundle has no bank of them. Each match has object,
        class, subtype, phase_days, redshift, score, spectrum, source.
    other_match : mapping or None
        The best match at another redshift that deserves a look: the second best one, or where the redshift is known and
        another was found, the one that was found.
    luminosity : Luminosity or None
        Where a redshift and a magnitude are known.
    with_luminosity : WithLuminosity or None
        Where redshift and luminosity are known, and the bundle has laws of it: what both together say.
    what_if : WhatIf or None
        Where a redshift is known: what the networks say with and without it.
    embedding : str or None
        The networks' mean embedding without metadata, unit length, shape (192,): half precision, little-endian, base64.
    surrounding : Surrounding or None
        What is known of the source beside its spectra, from where light curves and alerts are read; posted nowhere.
    basis : Basis or None
        What calibration on answers of one's own needs; None for a refusal, and from versions before there was any.
    bundle : str
        Name and short hash of the model bundle, such as `compact-1@3f2a9c1d`.
    input_hash : str
        SHA-256 over the evidence that was used.
    """

    target_id: str | None
    spectrum_id: str | None
    status: Status
    reason: str | None = None
    verdict: Verdict | None = None
    confidence: Confidence | None = None
    anomaly: Anomaly | None = None
    host_verdict: HostVerdict | None = None
    redshift: RedshiftEstimate | None = None
    phase: PhaseEstimate | None = None
    subtype: Subtype | None = None
    matches: tuple[Mapping[str, object], ...] = ()
    other_match: Mapping[str, object] | None = None
    luminosity: Luminosity | None = None
    with_luminosity: WithLuminosity | None = None
    what_if: WhatIf | None = None
    basis: Basis | None = None
    surrounding: Surrounding | None = None
    caveats: tuple[Caveat, ...] = ()
    embedding: str | None = None
    bundle: str = ""
    input_hash: str = ""
    schema: int = SCHEMA_VERSION

    @classmethod
    def refusal(
        cls, *, target_id: str | None, spectrum_id: str | None, caveats: Sequence[Caveat], bundle: str, input_hash: str
    ) -> Self:
        """Say that there is no class, and why: the first refusing caveat is the reason."""
        reason = next((c.text for c in caveats if c.refuses), "no usable input")
        return cls(
            target_id=target_id,
            spectrum_id=spectrum_id,
            status=Status.REFUSED,
            reason=reason,
            caveats=tuple(caveats),
            bundle=bundle,
            input_hash=input_hash,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types; `None` values are kept, so that the keys never change."""
        plain = _plain(self)
        assert isinstance(plain, dict)
        return plain

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, never NaN.

        Raises
        ------
        ValueError
            If a number is NaN or infinite.
        """
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote, also what a later version of the same schema wrote: keys not known here are left.

        Raises
        ------
        ValueError
            If the text is no report, or one of another schema.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA_VERSION:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise ValueError(f"not a report of schema {SCHEMA_VERSION}: {found!r}")
        try:
            report = _build(cls, data)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a report of schema {SCHEMA_VERSION}: {error}") from error
        assert isinstance(report, cls)
        return report


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, StrEnum):
        return str(value)
    return value


def _build(kind: Any, data: Any) -> Any:
    """Rebuild a value of the annotated type `kind` from plain JSON types."""
    if data is None:
        return None
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        (kind,) = [a for a in typing.get_args(kind) if a is not type(None)]
        return _build(kind, data)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        known = {k: _build(hints[k], v) for k, v in data.items() if k in hints}
        return typing.cast(Any, kind)(**known)
    if origin is tuple:
        (item, *_) = typing.get_args(kind)
        return tuple(_build(item, v) for v in data)
    if origin is Mapping:
        return {k: _build(typing.get_args(kind)[1], v) for k, v in data.items()}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(data)
    return data
