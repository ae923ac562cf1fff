"""Every real ZTF stamp under a data folder: packets and the array file, in one list."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from iris_client.brokers.avro import read_alert
from iris_client.errors import BadPayload
from models.domain import Caveat, CaveatCode, Cutouts

ALERTS, INDEX, ARRAYS = "alerts", "alerts_index.parquet", "cutouts.npz"
_BANDS = {1: "g", 2: "r", 3: "i"}
_MJD_0 = 2_400_000.5


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStamps:
    """The stamps of one alert.

    Parameters
    ----------
    cutouts : Cutouts or None
        None when the packet cannot be read at all.
    host_offset_arcsec : float or None
        Distance to the nearest Pan-STARRS source, which may be a star.
    """

    object_id: str
    file: str
    cutouts: Cutouts | None
    caveats: tuple[Caveat, ...] = ()
    label: str | None = None


def read_stamps(data: Path) -> list[AlertStamps]:
    """Read all alerts of `DATA/ztf`: packets in the order of their names, then the array file."""
    return [*packets(data), *arrays(data)]


def packets(data: Path) -> Iterator[AlertStamps]:
    """The Avro packets, readable or not."""
    for path in sorted((data / "ztf" / ALERTS).glob("*/*.avro")):
        name = f"{path.parent.name}/{path.name}"
        try:
            found = read_alert(path)
        except BadPayload as error:
            caveat = Caveat(code=CaveatCode.NO_CUTOUTS, text=str(error))
            yield AlertStamps(object_id="", file=name, cutouts=None, caveats=(caveat,))
            continue
        yield AlertStamps(object_id=found.target.target_id, file=name, cutouts=found.cutouts, caveats=found.caveats)


def arrays(data: Path) -> Iterator[AlertStamps]:
    """The stamps that came without a packet; band and time are in the index."""
    index = pq.read_table(data / "ztf" / INDEX, columns=["candid", "jd", "fid"]).to_pylist()
    rows = {row["candid"]: row for row in index}
    with np.load(data / "ztf" / ARRAYS, allow_pickle=False) as file:
        stamps, names, candids = file["cutouts"], file["object_id"], file["candid"]
    for triplet, name, candid in zip(stamps, names, candids, strict=True):
        row = rows[int(candid)]
        # The packets' stamps come with north up; these are as ZTF writes them.
        science, template, difference = (np.flipud(image).astype(float) for image in triplet)
        yield AlertStamps(
            object_id=str(name),
            file=ARRAYS,
            cutouts=Cutouts(
                candid=str(candid),
                band=_BANDS.get(row["fid"], "?"),
                mjd=row["jd"] - _MJD_0,
                science=science,
                template=template,
                difference=difference,
            ),
        )
