"""Every connection of the service: made from the settings in one place, and closed in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from iris_client.http.pacer import Pacing
from iris_client.protocols import AlertSource, Marshal
from plugin.activity import MARSHAL, Activity
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.store import Store

if TYPE_CHECKING:
    from iris_client.brokers.streams import Annotator
    from iris_client.slack import SlackHook
    from iris_client.tns.client import Tns
    from plugin.cycle.analyses.carrier import Hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Who is talked to; None for whom the settings name none.

    Parameters
    ----------
    pacer : Pacing or None
        How many requests the marshal's token has left.
    """

    marshal: Marshal
    alerts: AlertSource | None = None
    tns: "Tns | None" = None
    pacer: Pacing | None = None
    slack: "SlackHook | None" = None
    hooks: "Hooks | None" = None
    annotator: "Annotator | None" = None

    @classmethod
    def connect(
        cls,
        settings: Settings,
        store: Store | None = None,
        *,
        marshal: Marshal | None = None,
        alerts: AlertSource | None = None,
        activity: Activity | None = None,
        hooks: "Hooks | None" = None,
        annotator: "Annotator | None" = None,
    ) -> Self:
        """Make what the settings describe; the marshal and its broker share one pacer.

        Parameters
        ----------
        store : Store, optional
            Where several workers share its database, they share the pacer too, and the calls of an hour to Lasair.
        marshal, alerts, hooks, annotator : optional
            Instead of those the settings describe; for tests.
        activity : Activity, optional
            Counts what the clients do.

        Raises
        ------
        ConfigError
            If a setting that is needed is missing or wrong.
        """
        from plugin.sources.marshal import HOOKS, make_pacer, make_source
        from plugin.sources.slack import make_slack

        activity = activity or Activity()

        pacer = make_pacer(settings, store)
        tns = _tns(settings)
        marshal = marshal or make_source(settings, pacer, activity.hooks(MARSHAL, HOOKS))
        if alerts is None and settings.alert_source != "none":
            from plugin.sources.alerts import make_alert_source

            server = MARSHAL if settings.alert_source == "marshal" else settings.alert_source
            alerts = make_alert_source(settings, pacer=pacer, hooks=activity.hooks(server, HOOKS), store=store)
        if annotator is None and settings.lasair_annotator is not None:
            from plugin.sources.lasair import make_annotator

            annotator = make_annotator(settings, alerts, activity.hooks("lasair", HOOKS), store)
        slack = make_slack(settings, activity.hooks("slack"))
        if hooks is None and settings.analysis_secret is not None:
            from plugin.sources.analysis import make_hooks

            hooks = make_hooks(settings, activity.hooks("web hooks"))
        return cls(marshal=marshal, alerts=alerts, tns=tns, pacer=pacer, slack=slack, hooks=hooks, annotator=annotator)

    def close(self) -> None:
        """Close every connection."""
        close(self.marshal, self.alerts, self.tns, self.slack, self.hooks, self.annotator)


def close(*clients: object) -> None:
    """Close those that hold connections."""
    for client in clients:
        shut = getattr(client, "close", None)
        if shut is not None:
            shut()


@contextmanager
def described_by(*names: str) -> Iterator[None]:
    """Whatever a client says of its arguments is said of the settings that they come from.

    Raises
    ------
    ConfigError
        For a `ValueError`, with the settings' names.
    """
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{' or '.join(PREFIX + name for name in names)}: {error}") from None


def _tns(settings: Settings) -> "Tns | None":
    from plugin.sources.tns import make_tns

    return make_tns(settings)
