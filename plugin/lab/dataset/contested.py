"""Objects whose class another source contradicts: they may teach, and stand in no figure.

Most types in public archives are those of the night the spectrum was taken. A superluminous supernova is then often a
SN Ic or a SN II, and stays one in the archive. Two things are asked, neither of them a network: whether another source
of the same archive gives another of the rare classes, and whether the other catalogues of the data folder, merged from
lists that people made with all the data of an object, give another class.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from iris_client.taxonomy.names import translate
from plugin.lab.dataset.records import Record

CATALOGUE: Final = Path("ztf", "crossid.parquet")
"""Inside the data folder: names of an object, `cls` its class."""
RARE_CLASSES: Final = ("SLSN", "TDE")
"""Types that somebody gives only with more evidence than one spectrum."""


def second_opinions(folder: Path) -> dict[str, str]:
    """Fine class of each name in the data folder's catalogue, without what means none of the seven.

    Empty without the catalogue.
    """
    path = folder / CATALOGUE
    if not path.exists():
        return {}
    opinions = {}
    for row in pq.read_table(path, columns=["object_id", "ztf_ids", "iau", "other", "cls"]).to_pylist():
        label = translate(row["cls"] or "")
        if label.fine and not label.ambiguous:
            for names in (row["object_id"], row["ztf_ids"], row["iau"], row["other"]):
                opinions.update({bare(name): label.fine for name in re.split(r"[|,; ]", names or "") if name})
    return opinions


def contested(records: Iterable[Record], opinions: Mapping[str, str]) -> dict[str, str]:
    """Group of every object that is contradicted, and the class it should be learned as.

    That of the other side where it is one of `RARE_CLASSES`, else its own: one archive against another.
    """
    out = {}
    for record in records:
        own = record.label.fine
        others = {translate(name).fine for name in record.types} & set(RARE_CLASSES)
        others |= {opinions[name] for name in map(bare, record.names) if name in opinions}
        others -= {own}
        if own and others and not record.semi_real:
            rare = [c for c in RARE_CLASSES if c in others]
            out[record.group] = rare[0] if rare else own
    return out


def bare(name: str) -> str:
    """A name without what people write differently: prefix of IAU names, spaces, case."""
    return re.sub(r"^(sn|at)(?=\d{4})", "", re.sub(r"\s", "", name).casefold())
