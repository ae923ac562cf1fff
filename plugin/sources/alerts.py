"""The source of alerts that the settings describe."""

from iris_client.brokers.http import Boom, SkyPortalBroker
from iris_client.brokers.kept import AvroFolder
from iris_client.errors import NotFound, Refused
from iris_client.http.pacer import Pacing
from iris_client.http.transport import Hooks
from iris_client.protocols import AlertSource
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.clients import described_by
from plugin.sources.marshal import HOOKS
from plugin.store import Store

_IN_MEMORY = 1000  # the folder keeps the others


def make_alert_source(
    settings: Settings, *, pacer: Pacing, hooks: Hooks = HOOKS, store: Store | None = None
) -> AlertSource | None:
    """Make the source; None when there shall be none.

    Parameters
    ----------
    pacer : Pacing
        Of the marshal's token, for its broker.
    hooks : Hooks
        Who is told of each request.
    store : Store, optional
        Where several workers share its database, they count their calls to Lasair together.

    Raises
    ------
    ConfigError
        If a setting that it needs is missing or wrong, or the extra for Kafka is not installed.
    """
    match settings.alert_source:
        case "none":
            return None
        case "marshal":
            return _broker(settings, pacer, hooks)
        case "boom":
            return _boom(settings, hooks)
        case "avro":
            return _folder(settings)
        case "kafka":
            return _kafka(settings)
        case "lasair":
            from plugin.sources.lasair import make_lasair

            return make_lasair(settings, hooks, store)


def _broker(settings: Settings, pacer: Pacing, hooks: Hooks) -> AlertSource:
    url, token, _ = settings.marshal()
    seconds = settings.http_read_seconds
    with described_by("MARSHAL_URL", "MARSHAL_TOKEN"):
        return SkyPortalBroker(url, token, broker=settings.alert_broker, timeout_s=seconds, pacer=pacer, hooks=hooks)


def _boom(settings: Settings, hooks: Hooks) -> AlertSource:
    url, name = _given(settings, "boom_url"), _given(settings, "boom_username")
    if settings.boom_password is None:
        raise ConfigError(_needed(settings, "boom_password"))
    password, seconds = settings.boom_password.get_secret_value(), settings.http_read_seconds
    with described_by("BOOM_URL"):
        return Boom(url, name, password, timeout_s=seconds, hooks=hooks)


def _folder(settings: Settings) -> AlertSource:
    _given(settings, "alert_dir")
    assert settings.alert_dir is not None
    try:
        return AvroFolder(settings.alert_dir)
    except NotFound:
        raise ConfigError(f"{PREFIX}ALERT_DIR: there is no folder {settings.alert_dir}") from None


def _kafka(settings: Settings) -> AlertSource:
    from iris_client.brokers.kafka import KafkaAlerts
    from plugin.cycle.objects.spool import SpooledAlerts

    servers = _given(settings, "kafka_servers")
    if not settings.kafka_topics:
        raise ConfigError(_needed(settings, "kafka_topics"))
    password = settings.kafka_password
    try:
        stream = KafkaAlerts.connect(
            servers,
            settings.kafka_topics,
            group=settings.kafka_group,
            username=settings.kafka_username,
            password=None if password is None else password.get_secret_value(),
            protocol=settings.kafka_protocol,
            most=_IN_MEMORY,
        )
    except Refused as error:
        raise ConfigError(f"{PREFIX}ALERT_SOURCE is kafka: {error}") from None
    folder = settings.alert_dir or settings.output_dir / "alerts"
    try:
        return SpooledAlerts(stream, folder, everything=settings.watch_alerts)
    except OSError as error:
        stream.close()
        raise ConfigError(f"{PREFIX}ALERT_DIR: cannot write to {folder}: {error.strerror}") from None


def _given(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if not value:
        raise ConfigError(_needed(settings, name))
    return str(value)


def _needed(settings: Settings, name: str) -> str:
    what = Settings.model_fields[name].description
    return f"{PREFIX}{name.upper()}: needed because {PREFIX}ALERT_SOURCE is {settings.alert_source}. {what}"
