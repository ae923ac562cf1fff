"""What the service remembers: watermarks, tasks, reports, and what should hang and does hang on the marshal.

store = open_store(database_url, marshal=url)
with store.begin() as unit:          # one transaction: all of it happens, or none
    unit.tasks.add(stubs, now)
    unit.watermarks.set("spectra", cursor)
"""

from plugin.store.engine import StoreError
from plugin.store.filed import Filed
from plugin.store.object_reports import ObjectFiled
from plugin.store.objects import Watched
from plugin.store.outbox import Parcel
from plugin.store.store import Store, open_store, schema_of
from plugin.store.tasks import LostClaim, Task
from plugin.store.unit import Unit

__all__ = [
    "Filed",
    "LostClaim",
    "ObjectFiled",
    "Parcel",
    "Store",
    "StoreError",
    "Task",
    "Unit",
    "Watched",
    "open_store",
    "schema_of",
]
