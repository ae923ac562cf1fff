"""From what was measured to a million spectra and ten million alerts: arithmetic.

Nothing is measured here. Limits of servers are those that the service keeps to, from its own code and settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, NamedTuple

from iris_client.tns.budget import ASSUMED_LIMIT
from plugin.sandbox.trials.alerts import PER_HOUR as LASAIR_POWER
from plugin.sandbox.trials.alerts import SAVED
from plugin.settings import Settings
from plugin.truth.asking import DAILY, MOST, WEEKLY

SPECTRA: Final = 10**6
ALERTS: Final = 10**7
DAY_S: Final = 86_400.0
MARSHAL_PER_S: Final = float(Settings.model_fields["requests_per_second"].default)
TRUTH_DAYS: Final = float(Settings.model_fields["truth_watch_days"].default)
LASAIR_PLAIN: Final = int(Settings.model_fields["lasair_calls_per_hour"].default)
PACKET_BYTES: Final = 50e3
"""Of an alert as Kafka brings it, which is kept (docs/needle-service.md)."""
PRICE: Final = 0.05
"""An assumption, not a measurement: what an hour of one core costs, in whatever currency."""
SAVED_SHARE: Final = SAVED / 10_000
"""Of the objects of a night, as in the trial of `astranet sandbox alerts`: an assumption."""
SHELF_BYTES: Final = 200 + 2 * 192
"""Of one spectrum in a search: its shape, and its embedding in half precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What was measured, for one of each.

    Parameters
    ----------
    answer_s, service_s, alert_s : float
        Seconds of one core: the whole answer about a spectrum among many; the same in the service with reading,
        filing, posting and cards; an alert in the service, most of which are let go.
    plain_s : float
        Of a spectrum in the service that draws no cards.
    requests, sent, received : float
        Of a spectrum, at the marshal: requests, and bytes each way.
    per_source : float
        Spectra of a source.
    sqlite, postgresql : float or None
        Bytes of an answer in the database, without cards.
    card_share, card_bytes : float
        Share of spectra with a card, and bytes of one in the database.
    memory_MiB, needle_MiB : float
        Resident set of a worker: with spectra, with alerts.
    lasair : float
        Calls of an alert.
    saved_requests : float
        Requests to the marshal for an object that somebody has saved.
    drawing_s : float
        Seconds of one core for the card of one spectrum and the look at where the networks looked.
    search_ms, search_size, search_slope : float
        "More like this" with reading from SQLite: at the largest size that was measured, and how it grows.
    """

    answer_s: float
    service_s: float
    plain_s: float
    alert_s: float
    requests: float
    sent: float
    received: float
    per_source: float
    sqlite: float
    postgresql: float | None
    card_share: float
    card_bytes: float
    drawing_s: float
    memory_MiB: float
    needle_MiB: float
    lasair: float
    saved_requests: float
    search_ms: float
    search_size: float
    search_slope: float

    @classmethod
    def of(cls, figures: Mapping[str, Any], backfill: Mapping[str, Any] | None = None) -> "Rates":
        """From the figures of a run, and those of `astranet backfill` where there are any."""
        cycle, store, night = figures["cycle"], figures["store"], figures["alerts"]
        spectra, (first, *others) = cycle["spectra"], cycle["cycles"]
        search = store["sqlite"]["questions"]["more like this, with reading"]
        from_files = (backfill or {}).get(CORE_SECONDS)
        answered = figures["answer"]["parts"]["whole"]["ms"]["median"] / 1e3
        return cls(
            answer_s=float(from_files or answered),
            service_s=first["processor_s"] / spectra,
            plain_s=median(c["processor_s"] for c in others) / spectra,
            alert_s=night["processor_s"] / night["alerts"],
            requests=first["requests"] / spectra,
            sent=first["bytes_sent"] / spectra,
            received=first["bytes_received"] / spectra,
            per_source=cycle["per_source"],
            sqlite=store["sqlite"]["bytes_per_answer"][-1],
            postgresql=store["postgresql"]["bytes_per_answer"][-1] if "postgresql" in store else None,
            card_share=store["cards"]["share"],
            card_bytes=store["cards"]["bytes"],
            drawing_s=sum(figures["answer"]["parts"][name]["ms"]["median"] for name in ("card", "looked")) / 1e3,
            memory_MiB=max(c["resident_MiB"] for c in cycle["cycles"]),
            needle_MiB=night["after_MiB"],
            lasair=night["lasair_calls"] / night["alerts"],
            saved_requests=night["marshal_requests"] / night["saved"],
            search_ms=search["ms"][-1]["median"],
            search_size=search["sizes"][-1],
            search_slope=search["slope"],
        )

    def search_s(self, size: float) -> float:
        """Seconds of one search among so many spectra: carried on along the slope that was measured."""
        return self.search_ms / 1e3 * (size / self.search_size) ** self.search_slope

    def searchable(self, seconds: float) -> float:
        """Among how many spectra a search takes so long."""
        return self.search_size * (1e3 * seconds / self.search_ms) ** (1 / self.search_slope)


CORE_SECONDS: Final = "core_seconds_per_spectrum"
"""Key of backfill.json: seconds of one core for a spectrum, with one worker."""


class Limit(NamedTuple):
    """One limit: how many days it takes, what changes when that is too long, and the limit in a sentence."""

    name: str
    days: float
    then: str
    phrase: str
    holds_up: bool = True
    """Whether answers wait for it."""


def follow_up(watched: float = TRUTH_DAYS) -> float:
    """Requests that reading people's labels makes for one source in all."""
    daily = min(watched, DAILY.days)
    return daily + (watched - daily) / WEEKLY.days


def of_spectra(rates: Rates, number: float = SPECTRA) -> list[Limit]:
    """What a number of spectra meets, the slowest first."""
    sources = number / rates.per_source
    found = [
        Limit(
            f"What people say of the sources, {MOST} requests an hour at most",
            sources * follow_up() / (24 * MOST),
            "It keeps no answer waiting; labels are only read late. For an archive set `ASTRANET_TRUTH_WATCH_DAYS=0`.",
            "to hear what people say of them",
            holds_up=False,
        ),
        Limit(
            f"The marshal's pace, {MARSHAL_PER_S:g} requests a second for all workers together",
            number * rates.requests / MARSHAL_PER_S / DAY_S,
            "More workers change nothing. Take the spectra from files, post only what somebody will look at, or agree "
            "on another limit with who runs the marshal and set `ASTRANET_REQUESTS_PER_SECOND`.",
            "at the marshal's pace",
        ),
        Limit(
            "One core, the whole service",
            number * rates.service_s / DAY_S,
            "A second worker, and with it PostgreSQL: SQLite serves one process.",
            "for one core in the service",
        ),
        Limit(
            "One core, the service without cards",
            number * rates.plain_s / DAY_S,
            "As for the whole service.",
            "for it without cards",
        ),
        Limit(
            "One core, answers from files without posting",
            number * rates.answer_s / DAY_S,
            "More processes; each has a part of the files to itself.",
            "for one core from files",
        ),
        Limit(
            f"The TNS's names without its mirror, {ASSUMED_LIMIT} requests a minute",
            sources / (ASSUMED_LIMIT * 24 * 60),
            "Nothing, for with a key the service keeps a mirror, some 25 files a day whatever the number of sources.",
            "to ask the TNS about each source",
            holds_up=False,
        ),
    ]
    return sorted(found, key=lambda limit: -limit.days)


def of_alerts(rates: Rates, number: float = ALERTS) -> list[Limit]:
    """What a number of alerts meets, the slowest first."""
    calls = number * rates.lasair
    found = [
        Limit(
            f"Lasair's calls, {LASAIR_PLAIN} an hour",
            calls / LASAIR_PLAIN / 24,
            "An account of a power user.",
            "of an ordinary Lasair token",
        ),
        Limit(
            f"Lasair's calls, {LASAIR_POWER:,} an hour (power user)",
            calls / LASAIR_POWER / 24,
            "A stricter filter at Lasair, so that fewer alerts come; or Kafka, where reading costs no call.",
            "of a power user's Lasair token",
        ),
        Limit(
            "One core, with NEEDLE's shipped model",
            number * rates.alert_s / DAY_S,
            "More workers for the job `analyse`, and PostgreSQL.",
            "of one core",
        ),
        Limit(
            f"The marshal's pace, for the {100 * SAVED_SHARE:g} % of the objects that somebody saved",
            number * SAVED_SHARE * rates.saved_requests / MARSHAL_PER_S / DAY_S,
            "Of what nobody saved the marshal is asked nothing; only more saved objects change this.",
            "of the marshal's pace",
        ),
    ]
    return sorted(found, key=lambda limit: -limit.days)
