"""Spectra in JSON: SkyPortal's, the Open Supernova Catalog's, and what data frames and scripts write.

An object with a list under a name for the wavelength and one under a name for the flux is a spectrum, wherever it
stands; so is a list of objects with a number under each, or of pairs.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from iris_client.files.assemble import assemble
from iris_client.files.columns import Choice, choose
from iris_client.files.names import understood
from iris_client.files.text import decoded
from iris_client.files.trouble import Unreadable
from models.domain import RawSpectrum

_DEEPEST: Final = 8
_MOST: Final = 10_000
_REST: Final = ("deredshifted", "rest_frame", "restframe")
_UNITS: Final = ("units", "flux_units", "flux_unit", "u_fluxes", "fluxunit", "flux_units")
_WAVE_UNITS: Final = ("wavelength_unit", "wavelength_units", "u_wavelengths", "wave_unit", "wave_units")

Node = Mapping[str, Any]


def looks_like_json(content: bytes) -> bool:
    """Whether a file begins as JSON does; a text table in brackets does not."""
    return content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def read_json(content: bytes, stem: str) -> Iterator[RawSpectrum]:
    """Read every spectrum in a JSON document.

    Raises
    ------
    Unreadable
        If it is no JSON, or holds no spectrum.
    """
    try:
        document = json.loads(decoded(content))
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"begins as JSON and is none ({str(problem)[:80]})") from problem
    found = []
    for node in _spectra(document, 0):
        found.append(node)
        if len(found) > _MOST:
            raise Unreadable(f"JSON with more than {_MOST} spectra")
    if not found:
        raise Unreadable(f"JSON without a spectrum: no lists of wavelengths and fluxes in it; it has {_keys(document)}")
    for number, (choice, values, about) in enumerate(found, start=1):
        yield _spectrum(stem if len(found) == 1 else f"{stem}:{number}", choice, values, about)


def _spectrum(name: str, choice: Choice, values: dict[str, Any], about: Node) -> RawSpectrum:
    own = _text(about, "spec_id", "spectrum_id", "name", "filename")
    rest = next(
        (key for key in ("deredshifted", "rest_frame", "restframe") if about.get(key) in (True, "True", "true", 1)),
        None,
    )
    return assemble(
        own if own and len(own) < 80 else name,
        choice,
        values,
        units=_text(about, *_UNITS),
        wavelength_unit=_text(about, *_WAVE_UNITS),
        rest_frame=f"the file says {rest!r}" if rest else None,
        target_id=_text(about, "obj_id", "object_id", "objectId"),
        kind=_text(about, "type") or "source",
        instrument=_text(about, "instrument_name", "instrument"),
        observed_at=_text(about, "observed_at", "obs_date"),
    )


def _text(about: Node, *keys: str) -> str | None:
    return next((about[key] for key in keys if isinstance(about.get(key), str) and about[key]), None)


def _keys(document: Any) -> str:
    if isinstance(document, Mapping):
        return ", ".join(repr(str(key)[:20]) for key in list(document)[:8]) or "no keys"
    return f"a {type(document).__name__}"


def _spectra(node: Any, depth: int) -> Iterator[tuple[Choice, dict[str, Any], Node]]:
    if depth > _DEEPEST:
        return
    if isinstance(node, Mapping):
        found = _of_lists(node) or _of_column_maps(node)
        if found is not None:
            yield (*found, node)
            return
        for key, value in node.items():
            rows = _of_rows(value) if key == "data" else None
            if rows is not None:
                yield (*rows, node)
            elif isinstance(value, list | Mapping):
                yield from _spectra(value, depth + 1)
    elif isinstance(node, list):
        rows = _of_rows(node)
        if rows is not None:
            yield (*rows, {})
            return
        for value in node[:_MOST]:
            if isinstance(value, list | Mapping):
                yield from _spectra(value, depth + 1)


def _of_lists(node: Node) -> tuple[Choice, dict[str, Any]] | None:
    lists = {
        str(k): v for k, v in node.items() if isinstance(v, list) and not any(isinstance(x, list | dict) for x in v[:3])
    }
    return _chosen(lists)


def _of_column_maps(node: Node) -> tuple[Choice, dict[str, Any]] | None:
    """`{"wavelength": {"0": 3500, ...}, "flux": {...}}`, as pandas writes."""
    maps = {str(k): list(v.values()) for k, v in node.items() if isinstance(v, Mapping) and len(v) > 2 and "0" in v}
    return _chosen(maps)


def _of_rows(rows: Any) -> tuple[Choice, dict[str, Any]] | None:
    """A list of objects with numbers in them, or of pairs."""
    if not isinstance(rows, list) or len(rows) < 3:
        return None
    first = rows[0]
    if isinstance(first, Mapping) and all(isinstance(row, Mapping) for row in rows):
        names = [str(k) for k, v in first.items() if isinstance(v, int | float | str) or v is None]
        return _chosen({name: [row.get(name) for row in rows] for name in names})
    width = len(first) if isinstance(first, list) else 0
    if width < 2 or any(not isinstance(row, list) or len(row) < width for row in rows):
        return None
    if any(isinstance(x, list | Mapping) for x in first):
        return None
    columns = [[_number(row[i]) for row in rows] for i in range(min(width, 3))]
    names = ["wavelength", "flux", "error"][: len(columns)]
    return choose(names), dict(zip(names, columns, strict=True))


def _chosen(lists: Mapping[str, list[Any]]) -> tuple[Choice, dict[str, Any]] | None:
    names = [name for name in lists if understood(name).role]
    if not names:
        return None
    choice = choose(names)
    if choice.axis is None or "flux" not in choice.at:
        return None
    return choice, {role: [_number(v) for v in lists[names[i]]] for role, i in choice.at.items()}


def _number(value: Any) -> Any:
    """The Open Supernova Catalog writes its numbers as text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value[:40]
    return value
