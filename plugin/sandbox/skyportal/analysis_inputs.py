"""What the real server sends to an analysis service: tables as CSV, whose cells are Python's own way of writing."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

from plugin.sandbox.skyportal.analysis_rows import Analysis, Service
from plugin.sandbox.skyportal.routes.photometry import ZERO_POINT, magnitudes
from plugin.sandbox.skyportal.rows import Json, User
from plugin.sandbox.skyportal.state import State
from plugin.sandbox.skyportal.views import photometry_row

_SPECTRA: Final = (
    "observed_at",
    "wavelengths",
    "fluxes",
    "errors",
    "units",
    "altdata",
    "created_at",
    "origin",
    "modified",
    "type",
)
_PHOTOMETRY: Final = (
    "mjd",
    "flux",
    "fluxerr",
    "mag",
    "magerr",
    "filter",
    "magsys",
    "limiting_mag",
    "zp",
    "instrument_name",
    "predicted_mag",
)


def payload(state: State, service: Service, analysis: Analysis, user: User, address: str) -> Json:
    """The whole body; `analysis_parameters` beside the inputs is always empty, as on the real server."""
    inputs: Json = {"analysis_parameters": analysis.parameters}
    for kind in service.input_data_types:
        inputs[kind] = _TABLES[kind](state, analysis.obj_id, user)
    return {
        "callback_url": f"{address}/api/webhook/obj_analysis/{analysis.token}",
        "inputs": inputs,
        "callback_method": "POST",
        "invalid_after": str(analysis.invalid_after),
        "analysis_resource_type": "obj",
        "resource_id": analysis.obj_id,
        "analysis_parameters": {},
    }


def _spectra(state: State, obj_id: str, user: User) -> str:
    rows = [
        [
            s.observed_at,
            _list(s.wavelengths),
            _list(s.fluxes),
            None if s.errors is None else _list(s.errors),
            s.units,
            s.altdata,
            s.created_at,
            s.origin,
            s.modified,
            s.type,
        ]
        for s in state.spectra_of(obj_id, user)
    ]
    return _csv(_SPECTRA, rows)


def _photometry(state: State, obj_id: str, user: User) -> str:
    rows = []
    for point in state.photometry_of(obj_id, user):
        values = {**photometry_row(point, state), **magnitudes(point)}
        values |= {"flux": point.flux, "fluxerr": point.fluxerr, "zp": ZERO_POINT}
        rows.append([values.get(name) for name in _PHOTOMETRY])
    return _csv(_PHOTOMETRY, rows)


def _redshift(state: State, obj_id: str, user: User) -> str:
    source = state.sources[obj_id]
    names = ["redshift", "redshift_error", "redshift_origin"]
    return _csv(names, [[getattr(source, name) for name in names]])


def _annotations(state: State, obj_id: str, user: User) -> str:
    rows = [[a.data, a.modified, a.origin, a.created_at] for a in state.annotations_on(obj_id, None, user)]
    return _csv(["data", "modified", "origin", "created_at"], rows)


def _classifications(state: State, obj_id: str, user: User) -> str:
    found = state.classifications_of(obj_id, user)
    rows = [[c.classification, c.probability, c.modified, c.created_at] for c in found]
    return _csv(["classification", "probability", "modified", "created_at"], rows)


def _comments(state: State, obj_id: str, user: User) -> str:
    rows = [[c.text, True, c.modified, None, c.created_at] for c in state.comments_on(obj_id, None, user)]
    return _csv(["text", "bot", "modified", "origin", "created_at"], rows)


_TABLES: Final = {
    "spectra": _spectra,
    "photometry": _photometry,
    "redshift": _redshift,
    "annotations": _annotations,
    "classifications": _classifications,
    "comments": _comments,
}


def _list(values: Sequence[Any]) -> list[Any]:
    """A column of numbers as Python prints it: what is missing is a bare nan."""
    return [float("nan") if v is None else float(v) if isinstance(v, int | float) else v for v in values]


def _csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as pandas writes it; an empty frame has not even a header."""
    kept = list(rows)
    if not kept:
        return "\n"
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(["" if v is None else str(v) for v in row] for row in kept)
    return out.getvalue()
