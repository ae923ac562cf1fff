"""What the service remembers: watermarks, work, reports, and what should hang and does hang on the marshal.

store = open_store(database_url, marshal=url)
with store.begin() as unit:          # one transaction: all of it happens, or none
    unit.spectra.add(stubs, now)
    unit.watermarks.set("spectra", cursor)
"""

from plugin.store.engine import StoreError
from plugin.store.filed import Filed
from plugin.store.outbox import Parcel
from plugin.store.queue import LostClaim, Piece
from plugin.store.store import Store, downgrade_store, open_store, schema_of
from plugin.store.subject import ANALYSIS, ASTRANET, KINDS, NEEDLE, Subject, object_of, spectrum
from plugin.store.unit import Unit
from plugin.store.workers.heartbeat import Heartbeat

__all__ = [
    "ANALYSIS",
    "ASTRANET",
    "KINDS",
    "NEEDLE",
    "Filed",
    "Heartbeat",
    "LostClaim",
    "Parcel",
    "Piece",
    "Store",
    "StoreError",
    "Subject",
    "Unit",
    "downgrade_store",
    "object_of",
    "open_store",
    "schema_of",
    "spectrum",
]
