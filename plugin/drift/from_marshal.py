"""Answers about spectra that people have classified already, to calibrate on from the first evening; nothing is posted.

Nothing is filed either: what was never asked about shows up in no list, no figure and no summary of a source.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from iris_client.errors import NotFound
from iris_client.protocols import SpectrumSource, SpectrumStub
from iris_client.quality.control import QualityRules, examine
from iris_client.quality.phase import redshift_of
from iris_client.taxonomy.trust import ORDER, Voice, settle
from models.domain import FINE_CLASSES, Evidence, Target
from models.recalibration.rows import Rows
from plugin.clock import Clock, moment, stamp, utc_now
from plugin.cycle.spectra.producer import Analyst, Item, without_secrets
from plugin.drift.reading import no_rows, row_of

_log = structlog.get_logger("astranet.calibration")
BATCH = 32


@dataclass(slots=True, kw_only=True)
class FromMarshal:
    """Reads and answers.

    Parameters
    ----------
    order : sequence of str
        Who is believed about what an object is.
    most : int
        Spectra to answer at most, the newest first.
    """

    marshal: SpectrumSource
    analyst: Analyst
    group_ids: Sequence[int]
    rules: QualityRules = field(default_factory=QualityRules)
    order: Sequence[Voice] = ORDER
    secrets: tuple[str, ...] = ()
    most: int = 10_000
    clock: Clock = utc_now
    left_out: Counter[str] = field(default_factory=Counter)

    def rows(self, since: timedelta, *, told: Callable[[int], None] = lambda _: None) -> Rows:
        """Calibration spectra from what people classified.

        Parameters
        ----------
        since : timedelta
            How far back spectra are looked for.
        told : callable
            Is told how many spectra were looked at.

        Raises
        ------
        UpstreamError
            If the marshal does not answer.
        """
        cursor = stamp(self.clock() - since)
        stubs = list(self.marshal.spectra_modified_since(cursor, group_ids=self.group_ids))
        newest = sorted(stubs, key=lambda stub: stub.modified or "", reverse=True)[: self.most]
        parts: list[Rows] = []
        batch: list[tuple[SpectrumStub, str, Item]] = []
        for one in self._labelled(newest, told):
            batch.append(one)
            if len(batch) == BATCH:
                parts += self._answered(batch)
                batch = []
        parts += self._answered(batch)
        return Rows.joined(parts) if parts else no_rows()

    def _labelled(
        self, stubs: Sequence[SpectrumStub], told: Callable[[int], None]
    ) -> Iterator[tuple[SpectrumStub, str, Item]]:
        """Those whose object has a class that nobody contradicts, through quality control."""
        targets: dict[str, Target | None] = {}
        for stub in stubs:
            told(1)
            if stub.target_id not in targets:
                targets[stub.target_id] = self._target(stub.target_id)
            target = targets[stub.target_id]
            settled = None if target is None else settle(target, order=self.order)
            label = None if settled is None or settled.conflict or settled.label.ambiguous else settled.label.fine
            if target is None or label is None:
                self.left_out["no class that all agree on"] += 1
                continue
            try:
                raw = without_secrets(self.marshal.spectrum(stub.spectrum_id), self.secrets)
            except NotFound:
                self.left_out["gone"] += 1
                continue
            examined = examine(raw, self.rules, redshift=redshift_of(raw, target))
            if examined.spectrum is None:
                self.left_out["refused by quality control"] += 1
                continue
            # Without a redshift: that is what is calibrated.
            spectrum = replace(examined.spectrum, redshift=None)
            evidence = Evidence(target=Target(target_id=stub.target_id), spectrum=spectrum)
            yield stub, label, (evidence, examined.caveats)

    def _target(self, name: str) -> Target | None:
        try:
            return self.marshal.target(name)
        except NotFound:
            return None

    def _answered(self, batch: Sequence[tuple[SpectrumStub, str, Item]]) -> list[Rows]:
        found = []
        for (stub, label, _), report in zip(batch, self.analyst.run_many([i for *_, i in batch]), strict=True):
            at = self.clock() if stub.modified is None else moment(stub.modified)
            row = row_of(report, stub.target_id, at, FINE_CLASSES.index(label))
            if row is None:
                self.left_out["refused by the model"] += 1
            else:
                found.append(row)
        return found
