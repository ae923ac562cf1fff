"""A list without pages, read in windows: everything, once, in few requests, and never much at a time."""

import bisect
import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from iris_client.marshal.windows import LONGEST, WANTED, in_windows
from plugin.sandbox import Sandbox

NOW = datetime(2026, 6, 10, 12)


class Archive:
    """Answers windows from a list of moments, and remembers how much it had to send."""

    def __init__(self, moments: list[datetime]) -> None:
        self.moments = sorted(moments)
        self.sent: list[int] = []

    def ask(self, begin: datetime | None, end: datetime | None) -> list[datetime]:
        first = 0 if begin is None else bisect.bisect_left(self.moments, begin)
        found = self.moments[first : None if end is None else bisect.bisect_right(self.moments, end)]
        self.sent.append(len(found))
        return found


def spread(count: int, days: float, seed: int = 1) -> list[datetime]:
    rng = random.Random(seed)
    return [NOW - timedelta(days=rng.uniform(0, days)) for _ in range(count)]


ODD = [NOW + timedelta(days=9000), NOW, datetime(1987, 2, 24), datetime(1, 1, 1), datetime(2005, 1, 1)]


@pytest.mark.parametrize("moments", [[], ODD, spread(5000, 900), spread(5000, 900) + ODD, [NOW] * 3000])
def test_nothing_is_left_out(moments):
    archive = Archive(moments)
    found = Counter(m for rows in in_windows(archive.ask, now=NOW) for m in rows)
    assert set(found) == set(moments)
    assert len(archive.sent) < 100


def test_an_empty_archive_costs_few_requests():
    archive = Archive([])
    assert list(in_windows(archive.ask, now=NOW)) == [[]] * len(archive.sent)
    assert len(archive.sent) < 30


@pytest.mark.parametrize("per_day", [0.5, 5.0, 50.0])
def test_the_windows_adapt_to_what_comes(per_day):
    archive = Archive(spread(int(per_day * 5000), 5000))
    list(in_windows(archive.ask, now=NOW))
    steady = archive.sent[5:]
    assert max(steady) <= 4 * WANTED
    assert len(archive.sent) < 50 + 2 * len(archive.moments) / WANTED


def test_a_night_of_an_archive_in_bulk_is_met_and_left_again():
    burst = [NOW - timedelta(days=400, seconds=n) for n in range(4000)]
    archive = Archive(burst + spread(2000, 2000))
    found = [m for rows in in_windows(archive.ask, now=NOW) for m in rows]
    assert set(found) == set(archive.moments)
    assert sum(n > 4 * WANTED for n in archive.sent) <= 3
    assert len(archive.sent) < 100


def test_no_window_but_the_last_is_longer_than_a_year_or_so():
    asked: list[tuple[datetime | None, datetime | None]] = []
    list(in_windows(lambda begin, end: asked.append((begin, end)) or [], now=NOW))
    lengths = [end - begin for begin, end in asked if begin is not None and end is not None]
    assert max(lengths) == LONGEST
    assert asked[0][1] is None
    assert asked[-1][0] is None


def test_a_sweep_of_ten_thousand_sources_takes_less_than_five_hundred_requests():
    rng = random.Random(3)
    with Sandbox() as marshal:
        for number in range(10_000):
            name = marshal.add_source(f"ZTF26a{number:06d}")
            for _ in range(1 + number % 2):
                # half of them in the last year, the others in the ten before, some in crowded nights
                days = rng.choice([rng.uniform(0, 365), rng.uniform(365, 4000), rng.choice([400.0, 401.0, 800.0])])
                when = datetime(2026, 11, 20) - timedelta(days=days)
                marshal.add_spectrum(name, wavelengths=[4000.0], fluxes=[1.0], observed_at=when)
        marshal.forget_requests()
        with SkyPortal(marshal.url, marshal.token, pacer=Pacer(1e6, 1000), timeout_s=60.0) as client:
            found = [stub.spectrum_id for stub in client.spectra_shared_with(group_ids=[marshal.group_id])]
        assert len(found) == len(set(found)) == 15_000
        assert 0 < len(marshal.requests) < 500
        print(f"{len(marshal.requests)} requests for {len(found)} spectra of 10,000 sources")
