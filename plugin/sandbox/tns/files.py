"""The bulk CSV files of the TNS stand-in: full, daily and hourly."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping

from iris_client.tns.mirror import TnsObject

COLUMNS = (
    "objid", "name_prefix", "name", "ra", "declination", "redshift", "typeid", "type", "reporting_groupid",
    "reporting_group", "source_groupid", "source_group", "discoverydate", "discoverymag", "discmagfilter", "filter",
    "reporters", "time_received", "internal_names", "Discovery_ADS_bibcode", "Class_ADS_bibcodes", "creationdate",
    "lastmodified",
)  # fmt: skip


class Files:
    """What can be downloaded. The full file is served once; deltas are those that `publish` was told of."""

    def __init__(self, objects: Mapping[int, TnsObject]) -> None:
        self._objects = objects
        self._deltas: dict[str, bytes] = {}
        self._full_served = 0

    def publish(self, file: str, *objects: TnsObject) -> None:
        """Put a daily or hourly file up."""
        self._deltas[file] = zipped(objects, "2026-11-21 00:00:00 - 23:59:59")

    def spoil(self, file: str, how: Callable[[bytes], bytes]) -> bytes:
        """Serve a published file as something else; returns what it was."""
        was = self._deltas[file]
        self._deltas[file] = how(was)
        return was

    def forgive(self) -> None:
        """Serve the full file once more."""
        self._full_served = 0

    def serve(self, file: str) -> tuple[int, bytes]:
        """Status and body."""
        if file == "tns_public_objects.csv.zip":
            self._full_served += 1
            if self._full_served > 1:
                return 403, b"<html><center>nginx</center></html>"
            return 200, zipped(self._objects.values(), "2026-11-21 00:00:00")
        found = self._deltas.get(file)
        return (200, found) if found is not None else (404, b"<html>Not Found</html>")


def zipped(objects: Iterable[TnsObject], stamp: str) -> bytes:
    """Zip archive of one CSV: a line of time, the header, then everything in quotes."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([stamp])
    writer.writerow(COLUMNS)
    for one in objects:
        known = {
            "objid": one.objid, "name_prefix": one.prefix, "name": one.name, "ra": one.ra_deg,
            "declination": one.dec_deg, "redshift": one.redshift, "type": one.type,
            "internal_names": ", " + ", ".join(one.internal_names), "discoverydate": one.discovered_at,
            "lastmodified": one.modified,
        }  # fmt: skip
        writer.writerow([known.get(name) if known.get(name) is not None else "" for name in COLUMNS])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("tns_public_objects.csv", text.getvalue())
    return archive.getvalue()
