"""A marshal with an archive, and a run over it in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from models.domain import HumanLabel, Target
from plugin.backfill.asked import Asked
from plugin.backfill.folder import RunFolder
from plugin.backfill.run import MarshalInput, Outcome, begin, work
from plugin.backfill.work import answer
from tests.fakes.marshal import WAVES, FakeMarshal, bad, good


@contextmanager
def nobody() -> Iterator[None]:
    """For who answers in this process."""
    yield None


def fill(marshal: FakeMarshal, sources: int = 4) -> None:
    """Sources with one to three spectra; some with a redshift, one spectrum that is refused."""
    number = 0
    for n in range(sources):
        name = f"ZTF26{n:03d}"
        for k in range(1 + n % 3):
            number += 1
            wiggle = 1 + 0.2 * np.sin(WAVES / (40 + 7 * number))
            one = good(str(number), name, observed_at=f"2026-06-0{1 + k}T05:00:00")
            marshal.add(replace(one, fluxes=(np.array(one.fluxes) * wiggle).tolist()))
        marshal.targets[name] = Target(
            target_id=name,
            ra_deg=1.0 + n,
            dec_deg=2.0,
            redshift=0.03 if n % 2 else None,
            redshift_origin="a person" if n % 2 else None,
            classifications=(HumanLabel("Ia", 0.9),),
        )
    marshal.add(bad("90", "ZTF26000"))


def over(marshal: Any, **how: Any) -> MarshalInput:
    return MarshalInput(marshal=marshal, url="http://marshal.test", group_ids=(6,), **how)


def run_here(folder: RunFolder, asked: Asked, of: MarshalInput, monkeypatch: Any, *, spectra: int = 3) -> Outcome:
    """A run whose partitions are answered one after the other in this process."""

    def flow(client: Any, jobs: Any, *, done: Any, failed: Any, stop: Any) -> None:
        for job in jobs:
            done(answer(job))

    monkeypatch.setattr("plugin.backfill.run.flow", flow)
    with folder.held():
        begin(folder, asked, of, spectra=spectra)
        return work(folder, asked, of, nobody)
