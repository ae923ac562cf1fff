"""The alerts a sandbox's broker knows: as BOOM stores them, each in three pieces."""

import gzip
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from iris_client.brokers.avro import read_packets
from iris_client.errors import BadPayload

Json = dict[str, Any]
STAMPS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
HISTORY = ("prv_candidates", "prv_nondetections", "fp_hists")
_BANDS = {1: "g", 2: "r", 3: "i"}


class AlertTable:
    """Alerts by candid, histories by object, stamps by candid."""

    def __init__(self) -> None:
        self.rows: dict[int, Json] = {}
        self.histories: dict[str, Json] = {}
        self.stamps: dict[int, dict[str, bytes | None]] = {}
        self._by_name: dict[str, list[int]] = {}

    def add(self, packet: Mapping[str, Any]) -> int:
        """Store an alert packet; its history replaces an older one of the object. Returns its candid."""
        candid, name = int(packet["candid"]), str(packet["objectId"])
        candidate = dict(packet["candidate"])
        candidate.setdefault("band", _BANDS.get(candidate.get("fid", 0)))
        candidate.setdefault("programid", 1)
        if candid not in self.rows:
            self._by_name.setdefault(name, []).append(candid)
        self.rows[candid] = {"_id": candid, "candid": candid, "objectId": name, "candidate": candidate}
        known = self.histories.get(name, {}).get("cross_matches", {})
        history: Json = {key: [dict(row) for row in packet.get(key) or ()] for key in HISTORY}
        self.histories[name] = history | ({"cross_matches": known} if known else {})
        self.stamps[candid] = {key: _bytes(packet.get(key)) for key in STAMPS}
        return candid

    def match(self, name: str, *rows: Mapping[str, Any]) -> None:
        """Let the TNS's catalogue hold these rows near an object."""
        found = self.histories.setdefault(name, {key: [] for key in HISTORY})
        found["cross_matches"] = {"TNS": [dict(row) for row in rows], "NED": []}

    def load(self, folder: Path) -> int:
        """Store every packet of a folder of Avro files that is an alert; returns how many."""
        count = 0
        for path in sorted(folder.rglob("*.avro")):
            try:
                for packet in read_packets(path):
                    self.add(packet)
                    count += 1
            except (BadPayload, KeyError, TypeError, ValueError):
                continue  # a broker has only what it could read
        return count

    def of(self, name: str) -> list[Json]:
        """The alerts of an object, in no particular order."""
        return [self.rows[candid] for candid in self._by_name.get(name, ()) if candid in self.rows]

    def names(self) -> list[str]:
        """Every object, in the order in which they came."""
        return list(self._by_name)

    def brightest(self, name: str) -> Json | None:
        """The brightest alert of an object with its history, as SkyPortal shows it; None when there is none."""
        found = min(self.of(name), key=lambda row: row["candidate"].get("magpsf") or 99.0, default=None)
        return None if found is None else {**found, **self.histories[name]}


def invented(
    name: str, candid: int, *, jd: float = 2461000.5, fid: int = 1, mag: float = 19.0, epochs: int = 3
) -> Json:
    """Make a simple alert: a source in the middle of flat stamps, and some history. Nothing in it is real."""
    y, x = np.mgrid[:63, :63]
    spot = np.exp(-((y - 31) ** 2 + (x - 31) ** 2) / 8.0).astype(np.float32)
    stamps = {"cutoutScience": 100 + 50 * spot, "cutoutTemplate": 100 + 0 * spot, "cutoutDifference": 50 * spot}
    candidate = _detection(jd, fid, mag) | {"candid": candid, "ra": 150.0, "dec": 20.0, "xpos": 500.0, "ypos": 500.0}
    candidate |= {"sgscore1": 0.1, "distpsnr1": 1.5, "sgmag1": 20.5, "srmag1": 20.0, "simag1": 19.8, "szmag1": 19.6}
    packet = {"objectId": name, "candid": candid, "candidate": candidate}
    packet["prv_candidates"] = [_detection(jd - 2 * n, fid, mag + 0.1 * n) for n in range(1, epochs + 1)]
    packet["fp_hists"] = [_forced(jd - 2 * n - 1, fid, mag + 0.1 * n) for n in range(1, epochs + 1)]
    return packet | {key: stamp_bytes(pixels) for key, pixels in stamps.items()}


def forced_free_packet(name: str, candid: int, candidate: Json, history: list[Json]) -> Json:
    """A packet without stamps and without forced photometry."""
    return {
        "objectId": name,
        "candid": candid,
        "candidate": candidate | {"candid": candid},
        "prv_candidates": history,
        "fp_hists": [],
    }


def stamp_bytes(pixels: Any, *, zipped: bool = True) -> bytes:
    """A stamp as the survey sends it: FITS, gzipped for ZTF."""
    buffer = io.BytesIO()
    fits.PrimaryHDU(np.asarray(pixels, dtype=np.float32)).writeto(buffer)
    return gzip.compress(buffer.getvalue(), mtime=0) if zipped else buffer.getvalue()


def _detection(jd: float, fid: int, mag: float) -> Json:
    known = {"magpsf": mag, "sigmapsf": 0.1, "diffmaglim": 20.5, "isdiffpos": "t", "programid": 1}
    return {"jd": jd, "fid": fid, "band": _BANDS[fid], **known}


def _forced(jd: float, fid: int, mag: float) -> Json:
    """A flux as BOOM stores it: 1e9 times that at zero point 23.9."""
    flux = 1e9 * 10 ** (-0.4 * (mag - 23.9))
    return {"jd": jd, "fid": fid, "band": _BANDS[fid], "psfFlux": flux, "psfFluxErr": flux / 10, "programid": 1}


def _bytes(value: Any) -> bytes | None:
    data = value.get("stampData") if isinstance(value, Mapping) else value
    return bytes(data) if isinstance(data, bytes | bytearray) else None
