"""Every `ASTRANET_*` variable, typed and explained; nothing else in the project reads the environment.

A variable that is wrong, or that nobody knows, stops the start: a misspelt `ASTRANET_DRYRUN=true` must not post.
Secrets are masked in `repr`, and no message ever shows the value of a secret.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from iris_client.addresses import hook_secrets
from plugin.environment import PREFIX as PREFIX
from plugin.environment import ConfigError as ConfigError
from plugin.environment import given, read_secret, refuse_unknown, split_bind
from plugin.setting_streams import StreamFields


class Settings(StreamFields):
    """What the operator decides. Read it with `Settings.load()`; tests may pass values by name instead."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing by itself: `load` gathers the environment; `Settings(...)` is only its arguments."""
        return (init_settings,)

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, *, env_file: Path | None = Path(".env")) -> Self:
        """Read the environment over an optional `.env` file.

        Raises
        ------
        ConfigError
            If a variable is unknown or wrong; every problem is listed, none shows a secret.
        """
        variables = given(os.environ if env is None else env, env_file)
        refuse_unknown(variables, cls.variables())
        values = {name.removeprefix(PREFIX).lower(): text for name, text in variables.items() if text.strip()}
        try:
            return cls(**values)  # type: ignore[arg-type]  # pydantic turns the texts into the annotated types
        except ValidationError as error:
            raise ConfigError(_explain(error, values)) from None

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Each variable's full name and what it is for, in the order of this file."""
        return {PREFIX + name.upper(): field.description or "" for name, field in cls.model_fields.items()}

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        read = {}
        for name in cls._secret_names():
            path = values.get(f"{name}_file")
            if path is None:
                continue
            if values.get(name) is not None:
                raise ValueError(f"set {PREFIX}{name.upper()} or {PREFIX}{name.upper()}_FILE, not both")
            read[name] = read_secret(f"{PREFIX}{name.upper()}_FILE", Path(path))
        return {**values, **read}

    @model_validator(mode="before")
    @classmethod
    def _password_from_file(cls, values: dict[str, Any]) -> dict[str, Any]:
        path = values.get("database_password_file")
        if path is None:
            return values
        password = quote(read_secret(f"{PREFIX}DATABASE_PASSWORD_FILE", Path(path)), safe="")
        scheme, _, rest = str(values.get("database_url", "")).partition("://")
        account, at, place = rest.partition("@")
        if not at or ":" in account:
            raise ValueError(f"{PREFIX}DATABASE_URL must name a user and no password, where its password is in a file")
        return {**values, "database_url": f"{scheme}://{account}:{password}@{place}"}

    @classmethod
    def _secret_names(cls) -> list[str]:
        return [name for name, field in cls.model_fields.items() if "SecretStr" in repr(field.annotation)]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must not appear in a log, a message or the database."""
        held = [getattr(self, name) for name in self._secret_names()]
        password = urlsplit(self.database_url).password or ""
        hook = () if self.slack_webhook is None else hook_secrets(self.slack_webhook.get_secret_value())
        values = {s.get_secret_value() for s in held if s is not None} | {password, unquote(password), *hook}
        return tuple(sorted(values - {""}, key=len, reverse=True))  # the longest first: one may hold another

    def marshal(self) -> tuple[str, str, tuple[int, ...]]:
        """Address, token and groups of the marshal, for commands that cannot work without.

        Raises
        ------
        ConfigError
            If one of the three is not set.
        """
        if not self.marshal_url:
            raise ConfigError(_missing("marshal_url"))
        if self.marshal_token is None:
            raise ConfigError(_missing("marshal_token"))
        if not self.group_ids:
            raise ConfigError(_missing("group_ids"))
        return self.marshal_url, self.marshal_token.get_secret_value(), self.group_ids

    def web(self) -> tuple[str, int]:
        """Host and port of the pages, for commands that cannot work without.

        Raises
        ------
        ConfigError
            If they are not set.
        """
        if self.web_bind is None:
            raise ConfigError(_missing("web_bind"))
        return split_bind(self.web_bind)


def _missing(name: str) -> str:
    return f"{PREFIX}{name.upper()}: not set. {Settings.model_fields[name].description}"


def _explain(error: ValidationError, values: Mapping[str, str]) -> str:
    """One line per problem: the variable, what is wrong, what was given (never a secret), what it is for."""
    private = {"database_url", *Settings._secret_names()}
    lines = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        what = item["msg"].removeprefix("Value error, ")
        if not item["loc"]:
            lines.append(what)
            continue
        name = str(item["loc"][0])
        given = "" if name in private or "@" in values.get(name, "@") else f" (got {values[name]!r})"
        lines.append(f"{PREFIX}{name.upper()}: {what}{given}. {Settings.model_fields[name].description}")
    return "\n".join(lines)
