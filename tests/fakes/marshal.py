"""A marshal in memory that fulfils `protocols.Marshal`, with trouble on demand and a record of every call."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from iris_client.errors import NotFound, UpstreamError
from iris_client.protocols import Account, Annotation, Place, SourceStub, SpectrumStub, Upserted
from models.domain import LightCurve, RawSpectrum, Target

WAVES = np.linspace(3800.0, 9100.0, 400)


def good(spectrum_id: str, target_id: str, *, modified: str = "2026-06-10T07:12:00.000001", **more: Any) -> RawSpectrum:
    """A spectrum that passes quality control: a continuum with lines."""
    lines = 1.0 + 0.5 * np.sin(WAVES / 97.0) + 0.3 * np.cos(WAVES / 31.0)
    flux = (1e-16 * lines * (WAVES / 6000.0) ** -1).tolist()
    more = {"observed_at": "2026-06-09T05:00:00", "instrument": "SEDM", "group_ids": (6,), **more}
    return RawSpectrum(
        spectrum_id=spectrum_id,
        target_id=target_id,
        wavelengths=WAVES.tolist(),
        fluxes=flux,
        modified=modified,
        **more,
    )


def bad(spectrum_id: str, target_id: str, **more: Any) -> RawSpectrum:
    """A spectrum that is refused: it covers a quarter of the window."""
    return replace(good(spectrum_id, target_id, **more), wavelengths=(WAVES / 4 + 3850).tolist())


class FakeMarshal:
    """Spectra in, annotations out.

    Parameters
    ----------
    path : Path, optional
        Keeps what was posted in a file, so that it outlives a killed process as a server would.
    trouble : callable, optional
        `(method, place id)` -> an error to raise, or None.
    """

    def __init__(
        self, path: Path | None = None, trouble: Callable[[str, str], UpstreamError | None] | None = None
    ) -> None:
        self.spectra: dict[str, RawSpectrum] = {}
        self.targets: dict[str, Target] = {}
        self.calls: list[tuple[str, str]] = []
        self.member_of = frozenset({2, 6})
        self.moved: dict[str, str] = {}
        self.trouble = trouble or (lambda _method, _place: None)
        self._path = path
        self._posted: dict[str, Any] = {}
        if path is not None and path.exists():
            self._posted = json.loads(path.read_text())

    def add(self, *spectra: RawSpectrum) -> None:
        for raw in spectra:
            self.spectra[raw.spectrum_id] = raw
            self.targets.setdefault(str(raw.target_id), Target(target_id=str(raw.target_id), ra_deg=1.0, dec_deg=2.0))

    @property
    def posted(self) -> dict[str, dict[str, Any]]:
        """Annotation data by "kind/id"; classifications by "class/id"."""
        return {key: value["data"] for key, value in sorted(self._posted.items())}

    def groups_of(self, key: str) -> list[int]:
        return self._posted[key]["groups"]

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [call for call in self.calls if call[0] in ("upsert", "delete", "classify", "declassify")]

    def count(self, method: str) -> int:
        return Counter(name for name, _ in self.calls)[method]

    # What the service calls

    def spectra_modified_since(self, cursor: str | None, *, group_ids: Sequence[int]) -> Sequence[SpectrumStub]:
        self._called("poll", str(cursor))
        found = [s for s in self._stubs(group_ids) if cursor is None or s.modified >= cursor]
        return sorted(found, key=lambda s: s.modified)

    def spectra_shared_with(self, *, group_ids: Sequence[int]) -> Iterator[SpectrumStub]:
        self._called("sweep", ",".join(map(str, group_ids)))
        for group in group_ids:
            yield from (replace(stub, group_ids=(group,)) for stub in self._stubs([group]))

    def sources_modified_since(self, cursor: str, *, group_ids: Sequence[int]) -> Iterator[SourceStub]:
        self._called("sources", cursor)
        for name, modified in sorted(self.moved.items()):
            if modified > cursor:
                yield SourceStub(target_id=name, modified=modified, redshift=self.targets[name].redshift)

    def set_redshift(self, target_id: str, redshift: float | None, modified: str) -> None:
        """Let somebody give a source another redshift."""
        self.targets[target_id] = replace(self.targets[target_id], redshift=redshift)
        self.moved[target_id] = modified

    def spectrum(self, spectrum_id: str) -> RawSpectrum:
        self._called("spectrum", spectrum_id)
        if spectrum_id not in self.spectra:
            raise NotFound("no such spectrum", status=403)
        return self.spectra[spectrum_id]

    def spectra_of(self, target_id: str) -> Sequence[RawSpectrum]:
        self._called("spectra of", target_id)
        return [s for s in self.spectra.values() if s.target_id == target_id]

    def target(self, target_id: str) -> Target:
        self._called("target", target_id)
        return self.targets[target_id]

    def light_curve(self, target_id: str) -> LightCurve | None:
        return None

    def account(self) -> Account:
        self._called("account", "")
        return Account(user_id=1, username="bot", acls=frozenset({"Annotate"}), group_ids=self.member_of)

    def upsert_annotation(
        self,
        place: Place,
        *,
        origin: str,
        data: Mapping[str, Any],
        group_ids: Sequence[int],
        known_id: str | None = None,
        differs: bool = False,
    ) -> Upserted:
        self._called("upsert", place.id)
        key = f"{place.kind}/{place.id}"
        before = self._posted.get(key)
        number = len(self._posted) + 1 if before is None else before["id"]
        after = {"id": number, "origin": origin, "data": dict(data), "groups": list(group_ids)}
        self._put(key, after)
        return Upserted(str(number), changed=before != after)

    def delete_annotation(self, place: Place, *, origin: str) -> bool:
        self._called("delete", place.id)
        there = self._posted.pop(f"{place.kind}/{place.id}", None) is not None
        self._save()
        return there

    def annotations(self, place: Place) -> Sequence[Annotation]:
        one = self._posted.get(f"{place.kind}/{place.id}")
        return (
            [Annotation(annotation_id=str(one["id"]), origin=one["origin"], data=one["data"], mine=True)] if one else []
        )

    def post_comment(
        self,
        place: Place,
        *,
        text: str,
        group_ids: Sequence[int],
        attachment: tuple[str, bytes] | None = None,
        known_id: str | None = None,
    ) -> str:
        raise AssertionError("the service leaves no comments")

    def classify(
        self,
        target_id: str,
        *,
        label: str,
        probability: float,
        origin: str,
        group_ids: Sequence[int],
        known_id: str | None = None,
    ) -> str:
        self._called("classify", target_id)
        data = {"label": label, "probability": probability}
        self._put(f"class/{target_id}", {"id": 1, "origin": origin, "data": data, "groups": list(group_ids)})
        return "1"

    def declassify(self, target_id: str, *, origin: str) -> bool:
        self._called("declassify", target_id)
        there = self._posted.pop(f"class/{target_id}", None) is not None
        self._save()
        return there

    def class_names(self) -> frozenset[str]:
        return frozenset({"Ia", "Ib/c", "Supernova"})

    def server_time(self) -> datetime | None:
        return None

    def close(self) -> None:
        self.calls.append(("close", ""))

    def _stubs(self, group_ids: Sequence[int]) -> list[SpectrumStub]:
        return [
            SpectrumStub(spectrum_id=s.spectrum_id, target_id=str(s.target_id), modified=str(s.modified), kind=s.kind)
            for s in self.spectra.values()
            if set(s.group_ids) & set(group_ids)
        ]

    def _called(self, method: str, place: str) -> None:
        self.calls.append((method, place))
        error = self.trouble(method, place)
        if error is not None:
            raise error

    def _put(self, key: str, value: dict[str, Any]) -> None:
        self._posted[key] = value
        self._save()

    def _save(self) -> None:
        if self._path is not None:
            self._path.write_text(json.dumps(self._posted))
