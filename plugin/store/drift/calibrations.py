"""Calibrations made of one's own answers: proposed, adopted, retired."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, select, update

from plugin.store.context import Context, canonical
from plugin.store.drift.tables import calibrations

_KEPT = 10
"""Proposals that nobody adopted; older ones are let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCalibration:
    """A calibration on file, without its spectra.

    Parameters
    ----------
    summary : mapping
        Domains, numbers of spectra and objects, and the checks: name, ok, found.
    """

    calibration_id: str
    bundle: str
    made_at: datetime
    passed: bool
    summary: Mapping[str, Any]
    adopted_at: datetime | None
    retired_at: datetime | None

    @property
    def state(self) -> Literal["adopted", "retired", "proposed", "refused"]:
        """What has become of it."""
        if self.adopted_at is not None:
            return "adopted" if self.retired_at is None else "retired"
        return "proposed" if self.passed else "refused"


@dataclass(frozen=True, slots=True)
class Calibrations:
    """The questions about calibrations."""

    context: Context

    def propose(
        self, calibration_id: str, *, bundle: str, passed: bool, summary: Mapping[str, Any], body: bytes, now: datetime
    ) -> None:
        """Put one on file; the same content again changes nothing but when it was made, and what it showed."""
        key = {"marshal": self.context.marshal, "calibration_id": calibration_id}
        values = {"made_at": now, "passed": passed, "summary": canonical(summary)}
        new = self.context.insert(calibrations).values(**key, bundle=bundle, body=body, **values)
        self.context.connection.execute(new.on_conflict_do_update(index_elements=list(key), set_=values))
        old = [c.calibration_id for c in self.every() if c.adopted_at is None][_KEPT:]
        which = (calibrations.c.marshal == self.context.marshal) & calibrations.c.calibration_id.in_(old)
        self.context.connection.execute(delete(calibrations).where(which))

    def every(self) -> Sequence[StoredCalibration]:
        """All on file, the newest first."""
        columns = [c for c in calibrations.c if c.name != "body"]
        found = select(*columns).where(calibrations.c.marshal == self.context.marshal)
        order = found.order_by(calibrations.c.made_at.desc(), calibrations.c.calibration_id)
        return [_stored(row) for row in self.context.connection.execute(order)]

    def get(self, calibration_id: str) -> StoredCalibration | None:
        """One of them."""
        return next((c for c in self.every() if c.calibration_id == calibration_id), None)

    def body(self, calibration_id: str) -> bytes | None:
        """Its spectra, as safetensors."""
        mine = (calibrations.c.marshal == self.context.marshal) & (calibrations.c.calibration_id == calibration_id)
        found: bytes | None = self.context.connection.execute(
            select(calibrations.c.body).where(mine)
        ).scalar_one_or_none()
        return found

    def adopted(self) -> StoredCalibration | None:
        """The one that answers; None for the bundle's own."""
        standing = [c for c in self.every() if c.state == "adopted"]
        return max(standing, key=lambda c: (c.adopted_at, c.calibration_id), default=None)

    def adopt(self, calibration_id: str, now: datetime) -> None:
        """Let one answer from now on. Those adopted before stand behind it, for `rollback`."""
        self._set(calibration_id, adopted_at=now, retired_at=None)

    def retire(self, calibration_id: str, now: datetime) -> None:
        """Let one answer no longer."""
        self._set(calibration_id, retired_at=now)

    def _set(self, calibration_id: str, **values: datetime | None) -> None:
        mine = (calibrations.c.marshal == self.context.marshal) & (calibrations.c.calibration_id == calibration_id)
        self.context.connection.execute(update(calibrations).where(mine).values(**values))


def _stored(row: Any) -> StoredCalibration:
    return StoredCalibration(
        calibration_id=row.calibration_id,
        bundle=row.bundle,
        made_at=row.made_at,
        passed=bool(row.passed),
        summary=dict(json.loads(row.summary)),
        adopted_at=row.adopted_at,
        retired_at=row.retired_at,
    )
