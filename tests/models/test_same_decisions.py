"""What was made faster decides as the plain way does, in any company."""

import os
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from models.analyst import Analyst
from models.bundle import Bundle, load
from models.domain import Spectrum
from models.spectral.ensemble import Metadata
from models.spectral.prepare import prepare
from tests.models.reference import asked, decisions, plain

DATA = os.environ.get("ASTRANET_DATA_DIR")
ENOUGH = int(os.environ.get("ASTRANET_TEST_SPECTRA", "320"))
FIELDS = ("member_logits", "member_coarse", "member_embedding", "member_projection")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load()


@pytest.fixture(scope="module")
def ways(bundle: Bundle) -> tuple[Analyst, Analyst]:
    return Analyst(bundle), Analyst(plain(bundle))


def made(n: int) -> list[Spectrum]:
    """Wavy spectra, some of low resolution and some with a redshift."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(n):
        wave = np.arange(3700.0, 9300.0, 25.0 if i % 3 == 2 else 4.0)
        flux = 2 + np.sin(wave / rng.uniform(60, 300)) * rng.uniform(0, 1.5) + 0.1 * rng.normal(size=wave.size)
        known = {"redshift": 0.05 * i} if i % 2 else {}
        found.append(Spectrum(spectrum_id=str(i), wavelength_A=wave, flux=flux, **known))
    return found


def differing(ways: tuple[Analyst, Analyst], spectra: Sequence[Spectrum]) -> list[tuple[str, object, object]]:
    fast, slow = (way.run_many(asked(spectra)) for way in ways)
    pairs = [(s.spectrum_id, decisions(a), decisions(b)) for s, a, b in zip(spectra, fast, slow, strict=True)]
    return [pair for pair in pairs if pair[1] != pair[2]]


def test_the_stacked_members_say_what_each_network_says(bundle: Bundle) -> None:
    prepared = [prepare(s) for s in made(9)]
    metadata = [Metadata(redshift=0.1, phase_days=3.0) if i % 2 else Metadata() for i in range(9)]
    fast = bundle.ensemble.predict(prepared, metadata)
    slow = plain(bundle).ensemble.predict(prepared, metadata)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-4, err_msg=name)
    for one, other in zip(fast.member_texture, slow.member_texture, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_made_spectra_are_decided_alike(ways: tuple[Analyst, Analyst]) -> None:
    assert differing(ways, made(16)) == []


def test_an_answer_of_the_shipped_bundle_does_not_depend_on_the_company(ways: tuple[Analyst, Analyst]) -> None:
    items = asked(made(19))
    together = [r.to_json() for r in ways[0].run_many(items)]
    assert [ways[0].run(e).to_json() for e, _ in items] == together
    assert [r.to_json() for r in ways[0].run_many(items[::-1])][::-1] == together


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="ASTRANET_DATA_DIR is not set: no real spectra")
def test_real_spectra_are_decided_alike(ways: tuple[Analyst, Analyst]) -> None:
    from iris_client.files.spectra import read_spectra
    from iris_client.quality.control import QualityRules, examine

    rules = QualityRules(min_coverage=0.7)
    files = (Path(DATA or "") / "spectra" / f"spectra_{name}.parquet" for name in ("pool_sedm", "rare", "pool"))
    read = (examine(raw, rules) for file in files for raw in read_spectra(file))
    usable = (f.spectrum for f in read if f.spectrum is not None and not any(c.refuses for c in f.caveats))
    seen: Counter[str] = Counter()
    apart = []
    every = islice(usable, 0, None, 2)  # the archives lie one after the other
    while (some := list(islice(every, 64))) and seen["spectra"] < ENOUGH:
        apart += differing(ways, some)
        seen["spectra"] += len(some)
    assert seen["spectra"] >= ENOUGH
    assert apart == []
