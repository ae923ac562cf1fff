"""The class names a classification may have: the part of the Time-domain Taxonomy (tdtax 0.1.7) about transients."""

from collections.abc import Iterator

from plugin.sandbox.skyportal.rows import Json

TAXONOMY_ID = 1
TAXONOMY_NAME = "Sitewide Taxonomy"

_TREE: dict[str, object] = {
    "Time-domain Source": {
        "Nonstellar": {
            "Solar System Object": {},
            "GRB": {},
            "Galactic Nuclei": {"AGN": {"QSO": {}, "Seyfert": {}, "Blazar": {}}, "Tidal Disruption Event": {}},
        },
        "Stellar variable": {
            "Cataclysmic": {
                "kilonova": {},
                "Novae": {"Classical Nova": {}, "Recurrent Nova": {}},
                "CV": {"U Gem": {}, "AM CVn": {}, "Polars": {}},
                "Luminous Red Nova": {},
                "ILRT": {},
                "Supernova": {
                    "Type I": {
                        "Ia": {
                            "Ia-norm": {},
                            "Ia-91T": {},
                            "Ia-91bg": {},
                            "Ia-CSM": {},
                            "Ia-pec": {},
                            "Ia-02cx": {},
                            "Ia-03fg": {},
                        },
                        "Ib": {"Ibn": {}},
                        "Ic": {"Ic-BL": {}, "Ic-SLSN": {}, "Icn": {}},
                        "Ib/c": {},
                        "Ca-rich": {},
                    },
                    "Type II": {"II-norm": {"IIP": {}, "IIL": {}}, "IIn": {}, "IIb": {}, "II-SLSN": {}},
                    "FBOT": {},
                },
            },
            "Eruptive": {"Flaring star": {}, "LBV": {}},
        },
    }
}


def hierarchy() -> Json:
    """The tree as SkyPortal stores it: `class` and `subclasses`."""
    return next(_branches(_TREE))


def class_names() -> frozenset[str]:
    """Every name in the tree."""
    return frozenset(_names(_TREE))


def _branches(tree: object) -> Iterator[Json]:
    assert isinstance(tree, dict)
    for name, below in tree.items():
        yield {"class": name, "subclasses": list(_branches(below))} if below else {"class": name}


def _names(tree: object) -> Iterator[str]:
    assert isinstance(tree, dict)
    for name, below in tree.items():
        yield name
        yield from _names(below)
