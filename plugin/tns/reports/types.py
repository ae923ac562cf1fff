"""What the TNS calls our classes. A finer type counts only where a report has one that belongs to the class."""

from typing import Final

from iris_client.taxonomy.names import translate
from iris_client.tns.values import IdTables

TYPE_OF: Final = {
    "SN Ia": "SN Ia",
    "SN Ibc": "SN Ib/c",
    "SN II": "SN II",
    "AGN": "AGN",
    "TDE": "TDE",
}
"""Class to object type. SLSN is not here: the TNS wants SLSN-I or SLSN-II, which the classifier does not tell apart."""
NOT_REPORTED: Final = frozenset({"CV"})
"""The TNS asks not to be sent cataclysmic variables."""


def tns_type(label: str, subtype: str | None, tables: IdTables) -> str | None:
    """The TNS's object type; None where it has none for the class."""
    if subtype:
        for name in (subtype, f"SN {subtype}"):
            if translate(name).fine == label and tables.type_id(name) is not None:
                return name
    return TYPE_OF.get(label)
