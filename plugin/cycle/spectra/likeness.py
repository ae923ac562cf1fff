"""What of an answered spectrum is kept so that others like it can be found."""

from models.similar.shelf import shape_of, to_bytes, unit_from_text
from plugin.cycle.spectra.sketch import unpacked
from plugin.store import Filed, Unit


def remember(unit: Unit, filed: Filed) -> None:
    """Keep shape and embedding of a spectrum with a class; forget those of one that has none any more."""
    line = unpacked(filed.facts.get("sketch"))
    if filed.report.verdict is None or line is None:
        unit.vectors.drop(filed.subject.id)
        return
    embedding = unit_from_text(filed.report.embedding)
    unit.vectors.put(
        filed,
        shape=to_bytes(shape_of(*line)).tobytes(),
        embedding=None if embedding is None else embedding.tobytes(),
    )
