"""Reports to the TNS stand-in: taken at once, judged a little later, as the real one does.

A report waits for some more requests of any kind (`delay`) before it is judged; only then the object changes. So a
client that looks too early sees nothing of it, which is the case that a lost answer is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from iris_client.tns.mirror import TnsObject, number, separation_arcsec

SAME_ARCSEC = 3.0
TYPES = {"SN Ia": 3, "SN Ib/c": 6, "SN II": 10, "SN IIn": 13, "SLSN-I": 18, "AGN": 29, "TDE": 120}
INSTRUMENTS = {"P60 - SEDM": 149, "P200 - DBSP": 1, "P200 - NGPS": 285}
GROUPS = {"ZTF": 48}
FIRST = 277_000


@dataclass(slots=True)
class Taken:
    """A report, how many requests it still waits, and what became of it."""

    report: dict[str, Any]
    left: int
    answer: tuple[int, dict[str, Any]] | None = None


class Reports:
    """Reports by id; each entry is judged by itself.

    Parameters
    ----------
    objects : mapping of int to TnsObject
        What is public; a report that is accepted changes it.
    """

    def __init__(self, objects: dict[int, TnsObject]) -> None:
        self._objects = objects
        self.taken: dict[int, Taken] = {}
        self.files: dict[str, bytes] = {}
        """Uploaded, by the name that the server gave."""
        self.spectra: dict[str, list[dict[str, Any]]] = {}
        """Public spectra by the bare name of their object, as `get/object` shows them."""
        self.delay = 2
        """Requests until a report is judged."""

    def take(self, report: dict[str, Any]) -> int:
        """Keep a report; that it was taken does not mean that it is accepted."""
        number_ = FIRST + len(self.taken)
        self.taken[number_] = Taken(report, self.delay)
        return number_

    def upload(self, name: str, content: bytes) -> str:
        """Keep a file; returns the name it has from now on."""
        stem, _, ending = name.rpartition(".")
        stored = f"{stem}_{len(self.files)}.{ending}"
        self.files[stored] = content
        return stored

    def tick(self) -> None:
        """Some time passes: one more request came."""
        for one in self.taken.values():
            one.left -= 1
            if one.left <= 0 and one.answer is None:
                one.answer = self._judged(one.report)

    def reply(self, report_id: int) -> tuple[int, dict[str, Any]]:
        """404 until it is processed, then 200, or 400 when nothing of it was taken."""
        one = self.taken.get(report_id)
        return (404, {}) if one is None or one.answer is None else one.answer

    def _judged(self, report: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "classification_report" in report:
            found = [self._classify(entry) for entry in report["classification_report"].values()]
            good = all(_codes(one) & {"100", "101"} for one in found)
            return (200 if good else 400), {"feedback": {"classification_report": found}}
        entries = [self._judge(entry) for entry in report.get("at_report", {}).values()]
        bad = any(not ({"100", "101"} & set(one)) for one in entries)
        return (400 if bad else 200), {"feedback": {"at_report": entries}}

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

    def _classify(self, entry: dict[str, Any]) -> dict[str, Any]:
        """One classification: what is wrong with it, or that it was inserted, exists, and what the name is now."""
        one = next((o for o in self._objects.values() if o.name == entry.get("name")), None)
        kind = {str(v): k for k, v in TYPES.items()}.get(str(entry.get("objtypeid")))
        wrong = _required(entry, ("name", "classifier", "objtypeid", "groupid"))
        if entry.get("name") and one is None:
            wrong["name"] = _message(110, "No results found.")
        if entry.get("objtypeid") and kind is None:
            wrong["objtypeid"] = _message(4, "The value is not one of the list.")
        if str(entry.get("groupid")) not in map(str, GROUPS.values()):
            wrong["groupid"] = _message(4, "The bot is no member of this group.")
        rows = list((entry.get("spectra") or {}).get("spectra-group", {}).values())
        if not rows:
            wrong["spectra"] = _message(3, "A spectrum is required.")
        if wrong or one is None or kind is None:
            return {"classification_messages": [], **wrong}
        trouble = {str(i): found for i, row in enumerate(rows) if (found := self._trouble(row))}
        if not trouble and one.type == kind and all(self._is_there(one.name, row) for row in rows):
            return {"classification_messages": [{"101": _message(101, "Classification exists.")}]}
        return {
            "classification_messages": self._insert(one, kind, [] if trouble else rows),
            **({"spectra": {"spectra-group": trouble}} if trouble else {}),
        }

    def _insert(self, one: TnsObject, kind: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.spectra.setdefault(one.name, []).extend(_shown(row) for row in rows)
        said = [{"100": _message(100, "Classification was inserted.")}]
        prefix = "SN" if kind.startswith(("SN", "SLSN")) else one.prefix
        if prefix != one.prefix:
            new = {**_message(121, "Object name was changed."), "new_object_name": f"{prefix} {one.name}"}
            said.append({"121": new})
        self._objects[one.objid] = replace(one, type=kind, prefix=prefix)
        return said

    def _trouble(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What is wrong with a spectrum."""
        wrong = _required(row, ("obsdate", "instrumentid", "observer", "ascii_file", "spectypeid"))
        if str(row.get("instrumentid")) not in map(str, INSTRUMENTS.values()):
            wrong["instrumentid"] = _message(4, "The value is not one of the list.")
        if row.get("ascii_file") and row["ascii_file"] not in self.files:
            wrong["ascii_file"] = _message(7, "There is no such file.")
        return wrong

    def _is_there(self, name: str, row: Mapping[str, Any]) -> bool:
        new = _shown(row)
        same = ("obsdate", "instrument")
        return any(all(old[key] == new[key] for key in same) for old in self.spectra.get(name, []))


def values() -> dict[str, Any]:
    """The answer of `get/values`: numbers to names, as a public client reads it; not checked against the TNS."""
    tables = {"object_types": TYPES, "instruments": INSTRUMENTS, "groups": GROUPS}
    return {key: {str(value): name for name, value in table.items()} for key, table in tables.items()}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    name = next((k for k, v in INSTRUMENTS.items() if str(v) == str(row.get("instrumentid"))), None)
    file = f"https://sandbox.wis-tns.org/system/files/uploaded/ZTF/tns_{row.get('ascii_file')}"
    kept = {key: row.get(key) for key in ("obsdate", "exptime", "observer", "reducer", "remarks")}
    return {**kept, "asciifile": file, "instrument": {"id": int(row["instrumentid"]), "name": name}}


def _required(entry: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _message(3, "This field is required.") for name in names if not entry.get(name)}


def _message(number_: int, said: str) -> dict[str, Any]:
    return {"message": said, "message_id": number_}


def _codes(one: Mapping[str, Any]) -> set[str]:
    return {code for said in one["classification_messages"] for code in said}
