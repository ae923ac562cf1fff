"""Lasair as the settings describe it: a source of alerts, and a place to answer."""

from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.brokers.lasair.calls import ENDPOINTS, LasairAnnotator, LasairCalls
from iris_client.brokers.lasair.client import Lasair
from iris_client.brokers.lasair.topic import LasairTopic
from iris_client.errors import Refused
from iris_client.http.transport import Hooks
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.clients import described_by
from plugin.store import Store


def make_lasair(settings: Settings, hooks: Hooks, store: Store | None = None) -> Lasair:
    """The source.

    Parameters
    ----------
    store : Store, optional
        Where several workers share its database, they count their calls together.

    Raises
    ------
    ConfigError
        If there is no token, both a topic and a filter, or the extra for Kafka is needed and not installed.
    """
    if settings.lasair_topic and settings.lasair_filter:
        raise ConfigError(f"{PREFIX}LASAIR_TOPIC and {PREFIX}LASAIR_FILTER: give one of them, not both")
    if settings.lasair_kafka and not settings.lasair_topic:
        raise ConfigError(f"{PREFIX}LASAIR_TOPIC: needed with {PREFIX}LASAIR_KAFKA")
    if settings.watch_alerts and not (settings.lasair_topic or settings.lasair_filter):
        raise ConfigError(f"{PREFIX}LASAIR_TOPIC or {PREFIX}LASAIR_FILTER: needed with {PREFIX}WATCH_ALERTS=true")
    if settings.lasair_topic and settings.lasair_survey == "LSST" and not settings.lasair_kafka:
        raise ConfigError(f"{PREFIX}LASAIR_KAFKA: needed, for Lasair-LSST gives topics over Kafka alone")
    calls = make_calls(settings, hooks, store)
    return Lasair(
        calls,
        topic=settings.lasair_topic,
        conditions=settings.lasair_filter,
        tables=settings.lasair_tables,
        stream=_stream(settings),
        timeout_s=settings.http_read_seconds,
        hooks=hooks,
    )


def make_annotator(settings: Settings, alerts: object, hooks: Hooks, store: Store | None = None) -> LasairAnnotator:
    """Who takes answers to Lasair; through the connection of the source of alerts, where that is Lasair too.

    Raises
    ------
    ConfigError
        If there is no token, or no header can carry it.
    """
    calls = alerts.calls if isinstance(alerts, Lasair) else make_calls(settings, hooks, store)
    return LasairAnnotator(calls, settings.lasair_annotator or "")


def make_calls(settings: Settings, hooks: Hooks, store: Store | None = None) -> LasairCalls:
    """The API, with the calls an hour that the token has, of all workers where several share the database.

    Raises
    ------
    ConfigError
        If there is no token, or no header can carry it.
    """
    if settings.lasair_token is None:
        what = Settings.model_fields["lasair_token"].description
        raise ConfigError(f"{PREFIX}LASAIR_TOKEN: needed to read or annotate Lasair. {what}")
    url = settings.lasair_url or ENDPOINTS[settings.lasair_survey]
    log = None if store is None else store.call_log(url)
    with described_by("LASAIR_URL", "LASAIR_TOKEN"):
        return LasairCalls(
            url,
            settings.lasair_token.get_secret_value(),
            survey=settings.lasair_survey,
            budget=HourlyBudget(settings.lasair_calls_per_hour, log=log),
            timeout_s=settings.http_read_seconds,
            hooks=hooks,
        )


def _stream(settings: Settings) -> LasairTopic | None:
    if not settings.lasair_kafka or not settings.lasair_topic:
        return None
    try:
        return LasairTopic.connect(settings.lasair_kafka, settings.lasair_topic, group=settings.lasair_kafka_group)
    except Refused as error:
        raise ConfigError(f"{PREFIX}LASAIR_KAFKA: {error}") from None
