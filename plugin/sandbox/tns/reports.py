"""AT reports to the TNS stand-in: taken at once, answered when asked for the second time."""

from collections.abc import Mapping
from typing import Any

from iris_client.tns.mirror import TnsObject, number, separation_arcsec

SAME_ARCSEC = 3.0


class Reports:
    """Reports by id; each entry is judged by itself."""

    def __init__(self, objects: Mapping[int, TnsObject]) -> None:
        self._objects = objects
        self._taken: dict[int, dict[str, Any]] = {}
        self._asked: set[int] = set()

    def take(self, report: dict[str, Any]) -> int:
        """Keep a report; that it was taken does not mean that it is accepted."""
        number_ = 277_000 + len(self._taken)
        self._taken[number_] = report
        return number_

    def reply(self, report_id: int) -> tuple[int, dict[str, Any]]:
        """404 until it is processed, then 200, or 400 when something is missing."""
        report = self._taken.get(report_id)
        if report is None or report_id not in self._asked:
            self._asked.add(report_id)
            return 404, {}
        found = [self._judge(entry) for entry in report.get("at_report", {}).values()]
        bad = any(not ({"100", "101"} & set(one)) for one in found)
        return (400 if bad else 200), {"feedback": {"at_report": found}}

    def _judge(self, entry: dict[str, Any]) -> dict[str, Any]:
        if not entry.get("non_detection"):
            text = "Either a last non-detection or archival information is required."
            return {"6": {"message": text, "message_id": 6}}
        ra, dec = (number((entry.get(axis) or {}).get("value")) for axis in ("ra", "dec"))
        if ra is None or dec is None:
            return {"3": {"message": "This field is required.", "message_id": 3}}
        for one in self._objects.values():
            if separation_arcsec(ra, dec, one.ra_deg, one.dec_deg) <= SAME_ARCSEC:
                said = {"message": "Transient object exists.", "message_id": 101}
                return {"101": {**said, "objname": one.name, "prefix": one.prefix}}
        said = {"message": "Transient object was inserted.", "message_id": 100, "objname": "2026new"}
        return {"100": said, "internal_ids": entry.get("internal_ids", {})}
