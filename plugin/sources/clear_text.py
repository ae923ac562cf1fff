"""Where a token or password would travel unencrypted: over http, to a host that is not this machine."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from iris_client.addresses import is_loopback as is_loopback
from plugin.settings import PREFIX, Settings

_ADDRESSES = {
    "marshal_url": "marshal_token",
    "graphql_url": "marshal_token",
    "boom_url": "boom_password",
    "tns_url": "tns_api_key",
    "lasair_url": "lasair_token",
    "analysis_url": "analysis_secret",
}
"""Which secret goes to which address."""


def sent_in_clear(settings: Settings) -> Iterator[str]:
    """Name each setting whose secret anybody on the way could read; hosts of CLEAR_TEXT_HOSTS are not named."""
    for name, secret in _ADDRESSES.items():
        parts = urlsplit(getattr(settings, name) or "")
        host = (parts.hostname or "").lower()
        if parts.scheme != "http" or getattr(settings, secret) is None:
            continue
        if not is_loopback(host) and host not in settings.clear_text_hosts:
            yield f"{PREFIX}{name.upper()}: {PREFIX}{secret.upper()} would go to {host} over http, readable on the way"
    if settings.kafka_password is not None and settings.kafka_protocol == "SASL_PLAINTEXT":
        hosts = {part.strip().rpartition(":")[0].lower() for part in (settings.kafka_servers or "").split(",")}
        for host in sorted(hosts - set(settings.clear_text_hosts) - {""}):
            if not is_loopback(host):
                yield f"{PREFIX}KAFKA_PROTOCOL: {PREFIX}KAFKA_PASSWORD would go to {host} without TLS"
