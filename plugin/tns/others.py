"""The AstroNotes of others: read every few hours, and asked before we announce an object ourselves.

The listing they come from is no part of the TNS's interface for bots, and was never tried with the real TNS.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog

from iris_client.errors import UpstreamError
from iris_client.tns.astronotes import recent_notes
from iris_client.tns.client import Tns
from models.domain import Target
from plugin.store import Store, Unit
from plugin.store.notes.others import NotedBy

FILE: Final = "astronotes"
"""As what the listing is remembered among the TNS's files."""
EVERY: Final = timedelta(hours=6)
AGAIN: Final = timedelta(hours=1)
LEAST_DAYS, FIRST_DAYS = 7, 60
"""How far back the listing is read: always some days, for notes are revised; the first time much further."""
_log = structlog.get_logger("astranet.tns")


def update_others(tns: Tns, store: Store, now: datetime) -> int:
    """Read what was posted lately, where that is due; returns how many notes are new. Trouble is for another hour."""
    with store.begin(to_read=True) as unit:
        last, pause = unit.tns.read_at(tns.url, FILE), unit.tns.not_before(tns.url, FILE)
    if pause is not None and now < pause:
        return 0
    days = FIRST_DAYS if last is None else min(FIRST_DAYS, max(LEAST_DAYS, (now - last).days + 2))
    try:
        found = list(recent_notes(tns, days))
    except UpstreamError as error:
        _log.warning("AstroNotes of others not read", error=str(error), retry_in_s=AGAIN.total_seconds())
        with store.begin() as unit:
            unit.tns.note_file(tns.url, FILE, not_before=now + AGAIN)
        return 0
    with store.begin() as unit:
        new = unit.others_notes.put(tns.url, found, now)
        unit.tns.note_file(tns.url, FILE, read_at=now, not_before=now + EVERY)
    if new:
        _log.info("AstroNotes of others read", new=new, listed=len(found))
    return new


def noted_by_others(unit: Unit, target: Target, *, server: str) -> NotedBy | None:
    """The first AstroNote on the TNS that names an object, by name or within two arcseconds; None when there is none.

    Parameters
    ----------
    unit : Unit
        A transaction; to read is enough.
    target : Target
        With its names and, where known, its position.
    server : str
        The TNS whose listing was read: `Settings.tns_url`.
    """
    bare = (target.tns_name or "").split()[-1:]
    found = unit.others_notes.naming(server, [*bare, target.target_id], ra_deg=target.ra_deg, dec_deg=target.dec_deg)
    return found[0] if found else None
