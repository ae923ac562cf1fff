"""What Lasair makes of alerts: the page of an object as JSON, and tables that can be asked by SQL."""

import sqlite3
from contextlib import closing
from typing import Any, Final

from plugin.sandbox.brokers.alerts import AlertTable, Json

JD_0: Final = 2400000.5
_ZERO: Final = 26.0
"""Zero point of the forced fluxes."""
_SEEN: Final = ("jd", "fid", "magpsf", "sigmapsf", "isdiffpos", "ra", "dec", "drb")
_OBJECTS: Final = ("objectId", "ncand", "ramean", "decmean", "jdmin", "jdmax", "gmag", "rmag")
_SHERLOCK: Final = ("objectId", "classification", "z", "photoZ", "separationArcsec")


def object_body(alerts: AlertTable, name: str, base: str, sherlock: Json, tns: Json) -> Json | None:
    """The answer of `objects` about one; None for an object that is not known.

    Earlier detections of an alert's history, which have no number here, become forced photometry.

    Parameters
    ----------
    base : str
        Address under which stamps lie.
    """
    rows = alerts.of(name)
    if not rows:
        return None
    candidates = [_candidate(row, base) for row in rows]
    forced = []
    known = {row["jd"] for row in candidates}
    history = alerts.histories.get(name, {})
    for row in [*history.get("prv_candidates", ()), *history.get("prv_nondetections", ())]:
        if row.get("magpsf") is None:
            candidates.append({"jd": row["jd"], "fid": row["fid"], "diffmaglim": row["diffmaglim"]})
        elif row["jd"] not in known:
            forced.append(_forced(row, 10 ** (-0.4 * row["magpsf"]), row["sigmapsf"]))
    for row in history.get("fp_hists", ()):
        flux = row["psfFlux"] * 1e-9 * 10 ** (-0.4 * 23.9)
        forced.append(_forced(row, flux, 1.0857 * row["psfFluxErr"] / abs(row["psfFlux"])))
    for row in candidates:
        row["mjd"] = row["jd"] - JD_0
        row.setdefault("magpsf", row.get("diffmaglim"))
    seen = [row for row in candidates if "candid" in row]
    brightest = min(seen, key=lambda row: row["magpsf"] or 99.0)
    return {
        "objectId": name,
        "objectData": {
            **dict(zip(_OBJECTS[1:], _object_row(alerts, name)[1:], strict=True)),
            "discMjd": min(row["mjd"] for row in seen),
            "latestMjd": max(row["mjd"] for row in seen),
            "peakMjd": brightest["mjd"],
        },
        "candidates": sorted(candidates, key=lambda row: row["jd"], reverse=True),
        "forcedphot": forced,
        "count_all_candidates": len(seen),
        "count_noncandidate": len(candidates) - len(seen),
        "sherlock": sherlock,
        "TNS": tns,
        "annotations": [],
    }


def run_query(
    alerts: AlertTable, sherlock: dict[str, Json], form: dict[str, str], limit: int, offset: int
) -> list[Json] | str:
    """The rows of a SELECT over `objects` and `sherlock_classifications`; or why there are none."""
    select = f"SELECT {form['selected']} FROM {form['tables']} WHERE {form['conditions']}"  # noqa: S608  # as Lasair does
    if ";" in select or "--" in select:
        return "this query is not allowed"
    with closing(_tables(alerts, sherlock)) as connection:
        try:
            found = connection.execute(f"{select} LIMIT {limit} OFFSET {offset}")
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]
        except sqlite3.Error as error:
            return f"Your query:<br/><b>{select}</b><br/>returned the error<br/><i>{error}</i>"


def _tables(alerts: AlertTable, sherlock: dict[str, Json]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE objects ({', '.join(_OBJECTS)})")
    connection.execute(f"CREATE TABLE sherlock_classifications ({', '.join(_SHERLOCK)})")
    rows = [_object_row(alerts, name) for name in alerts.names()]
    connection.executemany("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    kinds = [(name, *(row.get(key) for key in _SHERLOCK[1:])) for name, row in sherlock.items()]
    connection.executemany("INSERT INTO sherlock_classifications VALUES (?, ?, ?, ?, ?)", kinds)
    return connection


def _object_row(alerts: AlertTable, name: str) -> tuple[Any, ...]:
    seen = [row["candidate"] for row in alerts.of(name)]
    times = [row["jd"] for row in seen]
    latest = {row.get("fid"): row.get("magpsf") for row in sorted(seen, key=lambda row: row["jd"])}
    place = [row.get("ra") for row in seen][-1:], [row.get("dec") for row in seen][-1:]
    return (name, len(seen), place[0][0], place[1][0], min(times), max(times), latest.get(1), latest.get(2))


def _candidate(row: Json, base: str) -> Json:
    seen, candid = row["candidate"], row["candid"]
    urls = {kind: f"{base}{candid}_cutout{kind}" for kind in ("Science", "Template", "Difference")}
    return {"candid": candid, **{key: seen[key] for key in _SEEN if key in seen}, "image_urls": urls}


def _forced(row: Json, flux: float, error_mag: float) -> Json:
    scale = 10 ** (0.4 * _ZERO)
    return {
        "jd": row["jd"],
        "mjd": row["jd"] - JD_0,
        "fid": row["fid"],
        "magzpsci": _ZERO,
        "forcediffimflux": flux * scale,
        "forcediffimfluxunc": abs(flux) * scale * error_mag / 1.0857,
        "diffmaglim": row.get("diffmaglim"),
    }
