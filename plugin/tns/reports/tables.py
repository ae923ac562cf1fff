"""The TNS's numbers, asked for once a day and kept in a file; those shipped where nobody can be asked."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from iris_client.errors import UpstreamError
from iris_client.tns.reporter import Reporter
from iris_client.tns.values import IdTables
from plugin.notes.files import replace_file

FRESH: Final = timedelta(days=1)
_log = structlog.get_logger("astranet.tns")


def id_tables(reporter: Reporter | None, folder: Path, now: datetime) -> IdTables:
    """The numbers by name, for a draft; `origin` tells from where they are.

    Parameters
    ----------
    reporter : Reporter, optional
        Who asks; without a key nobody does.
    folder : Path
        Where they are kept.
    """
    if reporter is None:
        return IdTables()
    path = folder / f"values-{urlsplit(reporter.url).hostname}.json"
    kept = _read(path)
    if kept is not None and now - kept[0] < FRESH:
        return kept[1]
    try:
        found = reporter.values(f"get/values of {urlsplit(reporter.url).hostname} on {now:%Y-%m-%d}")
    except UpstreamError as error:
        _log.warning("the TNS's numbers could not be asked for", error=str(error))
        return IdTables() if kept is None else kept[1]
    told = {"at": now.isoformat(), "origin": found.origin, "types": found.types, "instruments": found.instruments}
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(told, indent=1, sort_keys=True) + "\n")
    return found


def _read(path: Path) -> tuple[datetime, IdTables] | None:
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        tables = IdTables(types=told["types"], instruments=told["instruments"], origin=str(told["origin"]))
        return datetime.fromisoformat(told["at"]), tables
    except (OSError, ValueError, KeyError, TypeError):
        return None
