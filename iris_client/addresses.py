"""Addresses that are secrets, and which hosts are this machine."""

import ipaddress
from urllib.parse import urlsplit


def check_hook_url(url: str) -> None:
    """Refuse an address over which a secret would go in clear.

    Raises
    ------
    ValueError
        Without the address in it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("expected the address of a web hook, https://host/path") from None
    if not host or any(c.isspace() or not c.isprintable() for c in url) or parts.username or parts.fragment:
        raise ValueError("expected the address of a web hook, https://host/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("a web hook's address is a secret: it must be https (http only on loopback)")


def is_loopback(host: str) -> bool:
    """Whether a host's name or number is this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def hook_secrets(url: str) -> tuple[str, ...]:
    """What of a hook's address must be in no text: all of it, and its path, which is what makes it secret."""
    path = urlsplit(url).path
    return (url, path) if len(path) > 8 else (url,)
