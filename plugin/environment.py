"""Where settings come from: the environment, a `.env` file, files that hold a secret."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values

PREFIX = "ASTRANET_"
"""Of every variable that is meant for this program."""


class ConfigError(Exception):
    """A setting is wrong; the message names the variable and says what is expected. Raised at the start only."""


def numbers_in(text: str) -> Iterable[str]:
    """Split a list of numbers.

    Raises
    ------
    ValueError
        If a part is no number.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise ValueError('expected numbers separated by commas, such as "6,2"')
    return parts


def split_bind(text: str) -> tuple[str, int]:
    """Split `host:port`; an IPv6 address stands in brackets.

    Raises
    ------
    ValueError
        If it is no such thing.
    """
    host, _, port = text.strip().rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare) != host.startswith("[") or not (port.isascii() and port.isdigit()):
        raise ValueError("expected host:port, such as 127.0.0.1:8765")
    if int(port) > 65535:
        raise ValueError("expected a port up to 65535")
    return bare, int(port)


def read_secret(name: str, path: Path) -> str:
    """Read a secret from the file that a setting or option `name` gives, as container platforms hand secrets over.

    Raises
    ------
    ValueError
        If the file cannot be read or is empty; nothing of its content is in the message.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"{name}: cannot read {path}: {reason}") from None
    if not secret:
        raise ValueError(f"{name}: {path} is empty")
    return secret


def given(env: Mapping[str, str], env_file: Path | None) -> dict[str, str]:
    """Return the project's variables by upper-case name; the environment wins over the file."""
    from_file = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
    both = {**{k: v or "" for k, v in from_file.items()}, **env}
    return {name.upper(): text for name, text in both.items() if name.upper().startswith(PREFIX)}


def refuse_unknown(found: Iterable[str], known: Mapping[str, str]) -> None:
    """Refuse variables that are no setting: a misspelt one would be ignored in silence.

    Raises
    ------
    ConfigError
        With each name, and the setting that is most like it.
    """
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise ConfigError("\n".join(_suggest(name, known) for name in unknown))


def _suggest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"{name}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
