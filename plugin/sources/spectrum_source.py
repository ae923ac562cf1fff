"""The GraphQL source of spectra that the settings describe."""

from pathlib import Path

from iris_client.http.pacer import Pacing
from iris_client.http.transport import Hooks
from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.graphql_fields import FieldMap
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.clients import described_by

_SHIPPED = Path(__file__).parent / "graphql"


def make_graphql(settings: Settings, *, pacer: Pacing, hooks: Hooks) -> GraphQLSpectra:
    """The client, with the marshal's own token.

    Without files of its own it asks the queries of `plugin/sources/graphql`, which fit the sandbox's schema.

    Raises
    ------
    ConfigError
        If the endpoint is missing, or a file cannot be read or is not what it should be.
    """
    _, token, _ = settings.marshal()
    if settings.graphql_url is None:
        raise ConfigError(f"{PREFIX}GRAPHQL_URL: needed because {PREFIX}SPECTRUM_SOURCE is graphql")
    documents = _read("graphql_query_file", settings.graphql_query_file or _SHIPPED / "spectra.graphql")
    text = _read("graphql_field_map_file", settings.graphql_field_map_file or _SHIPPED / "fields.json")
    with described_by("GRAPHQL_FIELD_MAP_FILE"):
        fields = FieldMap.from_json(text)
    seconds = settings.http_read_seconds
    with described_by("GRAPHQL_URL"):
        return GraphQLSpectra(
            settings.graphql_url, token, documents=documents, fields=fields, timeout_s=seconds, pacer=pacer, hooks=hooks
        )


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{PREFIX}{name.upper()}: cannot read {path.name} ({type(error).__name__})") from None
