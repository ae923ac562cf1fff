"""Which answers are out of date although their spectra are not: a redshift came, or changed, after they were given."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from iris_client.protocols import SourceList
from plugin.clock import Clock, moment, stamp, utc_now
from plugin.cycle.news import cursor_name, stamped
from plugin.store import ASTRANET, Store, Unit

_log = structlog.get_logger("astranet.discover")

REDSHIFT: Final = "source_redshift"
"""The fact that a report keeps: the source's redshift when the spectrum was read."""


def renew(
    marshal: SourceList, store: Store, *, group_ids: Sequence[int], overlap: timedelta, clock: Clock = utc_now
) -> int:
    """Ask once for the sources whose rows have changed; spectra with an answer for another redshift are due again.

    It costs one request, as long as fewer sources change between two polls than a page holds.

    Returns
    -------
    int
        How many spectra became due.

    Raises
    ------
    UpstreamError
        If the marshal does not answer, or not as agreed. Nothing is changed then.
    """
    name = cursor_name("sources", group_ids)
    with store.begin(to_read=True) as unit:
        cursor = unit.watermarks.get(name)
    begun = clock()
    since = (begun if cursor is None else moment(cursor)) - overlap
    listed = marshal.sources_modified_since(stamp(since), group_ids=group_ids)
    changed = stamped(listed, lambda one: (one.target_id,), lambda one: one.modified)
    newest = max((modified for _, modified in changed), default=since)
    with store.begin() as unit:
        outdated = _outdated(unit, {one.target_id: one.redshift for one, _ in changed})
        due = unit.spectra.reopen(outdated, begun)
        unit.watermarks.set(name, stamp(newest) if cursor is None else max(cursor, stamp(newest)))
    if due:
        _log.info("redshifts changed", sources=len(changed), due=due)
    return due


def _outdated(unit: Unit, redshifts: dict[str, float | None]) -> list[str]:
    """Spectra that were answered with another redshift of their source."""
    answered = (
        (filed, redshifts[target]) for target in redshifts for filed in unit.reports.of_target(target, ASTRANET)
    )
    return [filed.subject.id for filed, redshift in answered if filed.facts.get(REDSHIFT) != redshift]
