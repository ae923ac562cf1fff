"""What is kept, as rows of the network's data set."""

from collections.abc import Iterable

from models.training.dataset import Row
from plugin.lab.dataset.assemble import Assembled, Kept


def rows(assembled: Assembled, kept: Iterable[Kept]) -> list[Row]:
    """One row per spectrum, with its object's alias group and split."""
    return [
        Row(
            spectrum=k.spectrum,
            label=k.record.label.fine,
            group=assembled.group_of(k.record),
            split=assembled.split_of(k.record),
            snr=k.snr,
            semi_real=k.record.semi_real,
            source=k.record.source,
            kind=k.record.label.raw if k.record.label.fine else k.record.label.rare or "",
        )
        for k in kept
    ]
