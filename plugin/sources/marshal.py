"""The marshal that the settings describe, and the pace at which it is asked."""

from typing import Final

import structlog

from iris_client.errors import UpstreamError
from iris_client.http.pacer import Pacer, Pacing
from iris_client.http.transport import Hooks
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import Marshal
from plugin.settings import Settings
from plugin.sources.clients import described_by
from plugin.sources.combined import CombinedMarshal
from plugin.store import Store

_log = structlog.get_logger("astranet")


def tell_retry(method: str, path: str, attempt: int, wait: float, error: UpstreamError) -> None:
    """A line in the log for every request that is sent again."""
    _log.debug("once more", method=method, path=path, attempt=attempt, wait_s=round(wait, 1), error=str(error))


HOOKS: Final = Hooks(on_retry=tell_retry)


def make_source(settings: Settings, pacer: Pacing | None = None, hooks: Hooks = HOOKS) -> Marshal:
    """The marshal, with its spectra over GraphQL if the settings say so; both ways share one pacer.

    Raises
    ------
    ConfigError
        If a setting that is needed is missing or wrong.
    """
    pacer = pacer or make_pacer(settings)
    if settings.spectrum_source == "rest":
        return make_marshal(settings, pacer, hooks)
    from plugin.sources.spectrum_source import make_graphql

    spectra = make_graphql(settings, pacer=pacer, hooks=hooks)
    return CombinedMarshal(spectra, make_marshal(settings, pacer, hooks))


def make_pacer(settings: Settings, store: Store | None = None) -> Pacing:
    """The one pacer of the marshal's token, of all workers where several share the database.

    SkyPortal allows 5 requests per second. None is sent in a burst, though it would allow that too: so no second ever
    has more than the rate and one.
    """
    rate, burst = settings.requests_per_second, 1
    shared = None if store is None else store.pacer(rate, burst)
    return shared or Pacer(rate, burst)


def make_marshal(settings: Settings, pacer: Pacing | None = None, hooks: Hooks = HOOKS) -> SkyPortal:
    """The client of the marshal, with a pacer of its own: the rate is the operator's to set.

    Raises
    ------
    ConfigError
        If address, token or groups are missing, or no header can carry the token.
    """
    url, token, _ = settings.marshal()
    pacer = pacer or make_pacer(settings)
    seconds, taxonomy = settings.http_read_seconds, settings.taxonomy
    with described_by("MARSHAL_URL", "MARSHAL_TOKEN"):
        return SkyPortal(url, token, timeout_s=seconds, pacer=pacer, taxonomy=taxonomy, hooks=hooks)
