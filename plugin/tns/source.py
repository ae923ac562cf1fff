"""The order in which the service asks what the TNS calls its sources, and the TNS with its mirror for commands."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from iris_client.errors import Unavailable
from iris_client.protocols import CrossMatches, SpectrumSource, TransientNames
from iris_client.taxonomy.trust import ORDER, Voice
from iris_client.tns.client import Tns
from plugin.clock import Clock
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.tns import make_tns
from plugin.store import Store, open_store
from plugin.tns.lookup import Api, BrokerMatches, InOrder, MarshalFields, Mirror
from plugin.tns.names import Naming
from plugin.truth.hearing import Hearing


def make_naming(
    tns: Tns | None,
    *,
    watched: timedelta,
    trust: Sequence[Voice] = ORDER,
    marshal: SpectrumSource,
    store: Store,
    alerts: object = None,
    hearing: Hearing | None = None,
    clock: Clock,
    wait: Callable[[float], bool],
    stop: Callable[[], bool],
) -> Naming | None:
    """Who finds out what the TNS calls our sources; None when neither the TNS nor a broker can be asked.

    Parameters
    ----------
    watched : timedelta
        How long a source is asked about after its last answer; nothing switches it off.
    trust : sequence of str
        Whose labels count when people do not agree.
    alerts : object
        The source of alerts; it is asked too when it knows cross-matches.
    hearing : Hearing, optional
        Who writes down what people say of a source.
    wait : callable
        Waits for some seconds, or less when the service is to stop; says whether it is.
    """
    broker = alerts if isinstance(alerts, CrossMatches) else None
    if not watched or (tns is None and broker is None):
        return None
    first: list[TransientNames] = [MarshalFields()]
    if broker is not None:
        first.append(BrokerMatches(rows=broker.tns_matches))
    order, mirror = InOrder(first=first), None
    if tns is not None:
        tns.budget.sleep = until_stopped(wait)
        mirror = Mirror(store=store, server=tns.url, clock=clock)
        order = InOrder(first=first, mirror=mirror, last=Api(tns=tns))
    return Naming(
        marshal=marshal,
        store=store,
        names=order,
        mirror=mirror,
        tns=tns,
        watched=watched,
        trust=trust,
        hearing=hearing,
        clock=clock,
        stop=stop,
    )


def until_stopped(wait: Callable[[float], bool]) -> Callable[[float], None]:
    """A budget may make us wait for a minute; a service that is to stop must neither wait nor go on too early."""

    def sleep(seconds: float) -> None:
        if wait(seconds):
            raise Unavailable("the service is stopping")

    return sleep


@contextmanager
def open_tns() -> Iterator[tuple[Tns, Store]]:
    """The reader and the database, for commands that cannot work without.

    Raises
    ------
    ConfigError, StoreError
        If there is no API key, or the database cannot be used.
    """
    settings = Settings.load()
    tns = make_tns(settings)
    if tns is None:
        raise ConfigError(f"{PREFIX}TNS_API_KEY: not set. {Settings.model_fields['tns_api_key'].description}")
    # The mirror belongs to no marshal, so the store may be opened without one.
    with tns, open_store(settings.database_url, marshal=settings.marshal_url or "") as store:
        yield tns, store
