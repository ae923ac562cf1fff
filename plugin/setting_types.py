"""Kinds of values that settings have: how each is read from a text, and what is wrong with it otherwise."""

from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from iris_client.addresses import check_hook_url
from plugin.environment import numbers_in, split_bind

_LONG_ENOUGH = 16
NoteKind = Literal["classes", "anomalies", "candidates"]


def _split_numbers(value: object) -> object:
    if isinstance(value, str):
        return tuple(int(part) for part in numbers_in(value))
    return (value,) if isinstance(value, int) else value


def _split_words(value: object) -> object:
    return tuple(p.strip() for p in value.split(",") if p.strip()) if isinstance(value, str) else value


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError("expected http(s)://host[:port], without user name or query")
    return value.rstrip("/")


def _bind(value: str) -> str:
    split_bind(value)
    return value.strip()


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        ip_network(one, strict=False)
    return value


def _each_once(value: tuple[Literal["tns", "marshal"], ...]) -> tuple[Literal["tns", "marshal"], ...]:
    if not value or len(set(value)) != len(value):
        raise ValueError("expected each at most once, and at least one")
    return value


def _kinds(value: object) -> object:
    words = _split_words(value)
    return () if words == ("none",) else words


def _no_kind_twice(value: tuple[NoteKind, ...]) -> tuple[NoteKind, ...]:
    if len(set(value)) != len(value):
        raise ValueError("expected each at most once")
    return value


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _LONG_ENOUGH:
        raise ValueError(f"expected at least {_LONG_ENOUGH} characters")
    return value


def _hook(value: SecretStr) -> SecretStr:
    check_hook_url(value.get_secret_value())
    return value


def _for_a_header(value: SecretStr) -> SecretStr:
    if not all("!" <= c <= "~" for c in value.get_secret_value()):
        raise ValueError("expected no blanks, and ASCII only")
    return value


Numbers = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split_numbers)]
"""Whole numbers, separated by commas."""
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_words)]
"""Words, separated by commas."""
Voices = Annotated[
    tuple[Literal["tns", "marshal", "file"], ...], NoDecode, BeforeValidator(_split_words), AfterValidator(_each_once)
]
"""Who is believed, in this order."""
NoteKinds = Annotated[tuple[NoteKind, ...], NoDecode, BeforeValidator(_kinds), AfterValidator(_no_kind_twice)]
"""Kinds of AstroNotes, separated by commas; or none."""
Hosts = Annotated[Words, AfterValidator(lambda hosts: tuple(host.lower() for host in hosts))]
"""Names of hosts, separated by commas."""
Networks = Annotated[Words, AfterValidator(_networks)]
"""Addresses or networks, separated by commas."""
Address = Annotated[str, AfterValidator(_address)]
"""http(s)://host[:port], without user name or query."""
Bind = Annotated[str, AfterValidator(_bind)]
"""host:port to listen on."""
LongSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
"""A secret that we choose ourselves, and that nobody guesses."""
HookAddress = Annotated[SecretStr, AfterValidator(_hook)]
"""The address of a web hook, which is a secret: https, or http on loopback."""
HeaderSecret = Annotated[LongSecret, AfterValidator(_for_a_header)]
"""One that others send to us in a header."""
