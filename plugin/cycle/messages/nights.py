"""One message about each night."""

from datetime import datetime

from iris_client.protocols import Place
from plugin.cycle.messages.alerts import MESSAGE
from plugin.cycle.posting import Post
from plugin.cycle.posts import enqueue
from plugin.notes.digest import night_digest
from plugin.notes.night import Night
from plugin.settings import Settings
from plugin.store import Store


def enqueue_digest(store: Store, settings: Settings, now: datetime) -> bool:
    """Say what the last night brought, unless it was said already; tells whether there is something to say."""
    night = Night.before(now)
    place = Place(kind="night", id=str(night))
    with store.begin() as unit:
        if any(parcel.kind == MESSAGE for parcel in unit.outbox.at([place])):
            return False
        body = night_digest(unit, night, output_dir=settings.output_dir)
        enqueue(unit, [Post(place=place, kind=MESSAGE, body=body, group_ids=settings.group_ids)], now)
    return True
