"""The TNS reader that the settings describe, and the database with its mirror."""

from collections.abc import Iterator
from contextlib import contextmanager

from iris_client.tns import Tns
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.store import Store, open_store


def make_tns(settings: Settings) -> Tns | None:
    """The reader; None without an API key, and then nobody asks the TNS.

    Raises
    ------
    ConfigError
        If there is a key but no bot, or no header can carry the bot's name.
    """
    if settings.tns_api_key is None:
        return None
    if settings.tns_bot_id is None or not settings.tns_bot_name:
        raise ConfigError(f"{PREFIX}TNS_BOT_ID and {PREFIX}TNS_BOT_NAME: needed with {PREFIX}TNS_API_KEY")
    key = settings.tns_api_key.get_secret_value()
    try:
        return Tns(settings.tns_url, bot_id=settings.tns_bot_id, bot_name=settings.tns_bot_name, api_key=key)
    except ValueError as error:
        raise ConfigError(f"{PREFIX}TNS_URL or {PREFIX}TNS_BOT_NAME: {error}") from None


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
