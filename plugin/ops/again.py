"""Answer this one again: what is on file about a name is due at once, and what hangs there is looked after."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from iris_client.protocols import Place, SpectrumSource, SpectrumStub
from plugin.cycle.carriers import LASAIR
from plugin.cycle.spectra.because import BY_HAND
from plugin.store import Store, Subject, spectrum

_LOOKED_AFTER: Final = ("annotation", "classification", LASAIR)
"""Posts that are compared with what hangs there. What tells people of something is not told twice."""


def again(store: Store, marshal: SpectrumSource, name: str, now: datetime) -> Sequence[Subject]:
    """Put a spectrum, or everything about a source, into the queue once more; whoever works on it answers it next.

    Parameters
    ----------
    store : Store
        Opened beside the service, or alone.
    name : str
        Number of a spectrum or id of a source. A spectrum that is not on file is asked for at the marshal.

    Returns
    -------
    sequence of Subject
        What is due now; empty when nothing of this name is on file.

    Raises
    ------
    UpstreamError
        If a spectrum is not on file, and the marshal does not give it.
    """
    with store.begin() as unit:
        found = unit.queue.again(name, now, reason=BY_HAND)
        places = {Place(kind="source", id=piece.target_id) for piece in unit.queue.of(name)}
        places |= {Place(kind="spectrum", id=subject.id) for subject in found if subject.kind == "spectrum"}
        unit.outbox.again(sorted(places, key=lambda place: (place.kind, place.id)), now, kinds=_LOOKED_AFTER)
    if found or not name.isdigit():
        return found
    raw = marshal.spectrum(name)
    if raw.target_id is None or raw.modified is None:
        return ()
    stub = SpectrumStub(spectrum_id=name, target_id=raw.target_id, modified=raw.modified, kind=raw.kind)
    with store.begin() as unit:
        unit.spectra.add([stub], now)
    return (spectrum(name),)
