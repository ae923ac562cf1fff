"""The Transient Name Server."""

from plugin.ops.check import Check
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.store import StoreError, open_store


def tns_check(settings: Settings) -> Check:
    """Whether the TNS can be asked, and how old its mirror is; the TNS itself is not asked, because that costs."""
    from plugin.sources.tns import make_tns

    try:
        tns = make_tns(settings)
    except ConfigError as error:
        return Check(name="TNS", ok=False, found="not set up", remedy=str(error))
    if tns is None:
        return Check(name="TNS", ok=True, found=f"off: {PREFIX}TNS_API_KEY is not set")
    with tns:
        try:
            with open_store(settings.database_url, marshal="", to_read=True) as store, store.begin() as unit:
                count, last = unit.tns.count(tns.url), unit.tns.last_read(tns.url)
        except StoreError:
            count, last = 0, None
    mirror = (
        f"mirror of {count} objects, read {last:%Y-%m-%d %H:%M} UT" if last else "no mirror yet: `astranet tns update`"
    )
    return Check(name="TNS", ok=True, found=f"{settings.tns_url}, {mirror}")
