"""The two analysis services on the marshal: registered, kept as they should be, or taken away."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

from iris_client.errors import Refused, UpstreamError
from iris_client.marshal.services import AnalysisServices
from plugin.cycle.patience import denied
from plugin.environment import PREFIX, ConfigError
from plugin.settings import Settings

RIGHT: Final = "Manage Analysis Services"
HIDDEN: Final = f"<{PREFIX}ANALYSIS_SECRET>"
_SECONDS: Final = 3600.0
"""For how long the marshal waits for an answer: a cycle, and a marshal or broker that is away for a while."""
_SERVICES: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "name": "astranet",
        "display_name": "ASTRANet",
        "description": "Class of a source's spectra, with a prediction set, an anomaly score and a picture.",
        "analysis_type": "spectrum_fitting",
        "input_data_types": ["spectra", "redshift"],
    },
    {
        "name": "needle",
        "display_name": "NEEDLE",
        "description": "SN, SLSN-I or TDE, from light curve and host.",
        "analysis_type": "lightcurve_fitting",
        "input_data_types": ["photometry", "redshift"],
    },
)
NAMES: Final = tuple(str(service["name"]) for service in _SERVICES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one service.

    Parameters
    ----------
    lacks_right : bool
        Whether only somebody with the right `Manage Analysis Services` could do it.
    """

    name: str
    ok: bool
    said: str
    lacks_right: bool = False


def wanted(settings: Settings, *, secret: str | None = None) -> list[dict[str, Any]]:
    """The services as they should be on the marshal.

    Parameters
    ----------
    secret : str or None
        What to show in its place; None for the real one.

    Raises
    ------
    ConfigError
        If address or secret are not set.
    """
    _, _, group_ids = settings.marshal()
    if settings.analysis_secret is None or settings.analysis_url is None:
        missing = "ANALYSIS_SECRET" if settings.analysis_secret is None else "ANALYSIS_URL"
        raise ConfigError(f"{PREFIX}{missing}: not set. {Settings.model_fields[missing.lower()].description}")
    shown = settings.analysis_secret.get_secret_value() if secret is None else secret
    common = {
        "version": version("astranet-annotator"),
        "optional_analysis_parameters": "{}",
        "authentication_type": "header_token",
        "_authinfo": json.dumps({"header_token": {"Authorization": f"Bearer {shown}"}}),
        "timeout": _SECONDS,
        "group_ids": sorted(group_ids),
    }
    return [{**one, "url": f"{settings.analysis_url}/analysis/{one['name']}", **common} for one in _SERVICES]


def register(services: AnalysisServices, bodies: Sequence[Mapping[str, Any]]) -> Iterator[Outcome]:
    """Make the marshal's services what they should be; doing it again changes nothing.

    Raises
    ------
    UpstreamError
        If the marshal does not answer.
    """
    there = {str(row.get("name")): row for row in services.all()}
    for body in bodies:
        name = str(body["name"])
        try:
            said = _put(services, body, there.get(name))
        except Refused as error:
            yield Outcome(name=name, ok=False, said=_why(error), lacks_right=denied(error))
        else:
            yield Outcome(name=name, ok=True, said=said)


def remove(services: AnalysisServices, bodies: Sequence[Mapping[str, Any]]) -> Iterator[Outcome]:
    """Take the services away; the marshal deletes their analyses with them.

    Raises
    ------
    UpstreamError
        If the marshal does not answer.
    """
    there = {str(row.get("name")): row for row in services.all()}
    for body in bodies:
        name = str(body["name"])
        row = there.get(name)
        try:
            if row is not None:
                _check_ours(row)
                services.remove(int(row["id"]))
        except Refused as error:
            yield Outcome(name=name, ok=False, said=_why(error), lacks_right=denied(error))
        else:
            yield Outcome(name=name, ok=True, said="was not there" if row is None else f"removed (id {row['id']})")


def differences(there: Mapping[str, Any], body: Mapping[str, Any]) -> list[str]:
    """Which fields of a service are not as they should be; the secret cannot be compared, for nobody is told it."""
    shown = {key: value for key, value in body.items() if key not in ("_authinfo", "group_ids")}
    found = [key for key, value in shown.items() if _plain(there.get(key)) != _plain(value)]
    groups = sorted(group["id"] for group in there.get("groups") or ())
    return found + ([] if groups == body["group_ids"] else ["group_ids"])


def is_ours(row: Mapping[str, Any]) -> bool:
    """Whether a service of one of our names is ours: its address ends as ours do."""
    return urlsplit(str(row.get("url"))).path.endswith(f"/analysis/{row.get('name')}")


def _put(services: AnalysisServices, body: Mapping[str, Any], row: Mapping[str, Any] | None) -> str:
    if row is None:
        return f"registered (id {services.add(body)})"
    _check_ours(row)
    changed = differences(row, body)
    secret = {key: body[key] for key in ("authentication_type", "_authinfo")}
    services.change(int(row["id"]), {**{key: body[key] for key in changed}, **secret})
    what = f"updated: {', '.join(changed)}" if changed else "kept as it was"
    return f"{what} (id {row['id']}); the secret was sent again"


def _check_ours(row: Mapping[str, Any]) -> None:
    if not is_ours(row):
        raise Refused(f"another service has this name, at {row.get('url')}; it is left alone")


def _why(error: UpstreamError) -> str:
    if denied(error):
        return f"the token lacks the right {RIGHT}"
    return str(error)


def _plain(value: object) -> object:
    """A value that compares: the marshal gives parameters as an object, or as the text of one."""
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError:
            return value
        return found if isinstance(found, dict) else value
    return sorted(value) if isinstance(value, list) else value
