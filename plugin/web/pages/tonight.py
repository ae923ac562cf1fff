"""The ranked list: what of a night deserves a look first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from models.domain import FINE_CLASSES
from plugin.notes.night import Night
from plugin.web.pages.rows import rows_of
from plugin.web.parts import WebParts
from plugin.web.reading import PAGE, SORTS, Rank, Reading, Wanted
from plugin.web.rendering import page

TITLES: Final = {
    Rank.ALERT: ("Alerts", "unlike what the network knows, or like nothing it knows well: look at these first"),
    Rank.CANDIDATE: ("Candidates for rare classes", "called TDE or SLSN by their spectrum or by NEEDLE"),
    Rank.UNCERTAIN: ("Uncertain", "the network abstains: too unsure to commit to a class"),
    Rank.REST: ("The rest", "ordinary, with a class"),
}
CLASSES: Final = (*FINE_CLASSES, "SLSN-I", "SN")
POLICIES: Final = ("ALERT", "ABSTAIN", "COMMIT")
COLUMNS: Final = (
    ("object", "Object", "by name"),
    ("p", "From its spectrum", "surest first"),
    ("anomaly", "Anomaly", "strangest first"),
    ("needle", "From its alerts", "NEEDLE's surest TDE or SLSN-I first"),
    ("answered", "Answered", "latest first"),
)
_SPANS: Final = {"week": timedelta(days=7), "all": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address asks for; whatever is no sense of a filter is no filter."""

    span: str
    night: Night | None
    wanted: Wanted
    params: dict[str, str]

    def address(self, **change: str | int | None) -> str:
        """The same page with something changed; the page number starts anew."""
        kept = {k: v for k, v in self.params.items() if k != "page"}
        new = {k: str(v) for k, v in {**kept, **change}.items() if v not in (None, "")}
        return "/?" + urlencode(new) if new else "/"


def page_of(parts: WebParts) -> Callable[[Request], Response]:
    """The page."""
    alpha = parts.settings.alpha

    def tonight(request: Request) -> Response:
        with parts.store.begin(to_read=True) as unit:
            reading = Reading(unit)
            asked = _asked(request.query_params, reading.last_answer(), parts.clock())
            wanted = asked.wanted
            ranks = reading.ranks(wanted)
            total = sum(ranks.values())
            entries = reading.ranked(wanted)
            refused = reading.count_refused(start=wanted.start, end=wanted.end)
            before = None if wanted.start is None else reading.last_answer(wanted.start)
            after = None if wanted.end is None else reading.next_answer(wanted.end)
        rows = rows_of(entries, alpha)
        by_rank = wanted.sort == "rank"
        sections = [(rank, [r for r in rows if r.entry.rank is rank]) for rank in Rank] if by_rank else [(None, rows)]
        return page(
            request,
            "tonight.html",
            asked=asked,
            sections=[(rank, members) for rank, members in sections if members],
            titles=TITLES,
            ranks=ranks,
            all_ranks=list(Rank),
            total=total,
            pages=max(1, -(-total // PAGE)),
            refused=refused,
            before=None if before is None or asked.night is None else str(Night.of(before)),
            after=None if after is None or asked.night is None else str(Night.of(after)),
            columns=COLUMNS,
            classes=CLASSES,
            policies=POLICIES,
            groups=parts.settings.group_ids,
            turn=lambda number: asked.address(page=number),
            alpha=f"{alpha:g}",
        )

    return tonight


def _asked(query: QueryParams, newest: datetime | None, now: datetime) -> Asked:
    span = query.get("night", "")
    night, start, end = None, None, None
    if span == "week":
        start = now - timedelta(days=7)
    elif span != "all":
        night = _night(span) or Night.of(newest or now)
        start, end = (moment.replace(tzinfo=None) for moment in (night.start, night.end))
    wanted = Wanted(
        start=start,
        end=end,
        label=_one_of(query.get("class"), CLASSES),
        policy=_one_of(query.get("policy"), POLICIES),
        group=_whole(query.get("group")),
        sort=_one_of(query.get("sort"), SORTS) or "rank",
        page=max(1, min(_whole(query.get("page")) or 1, 10**6)),
    )
    said = {
        "night": span if night is None else str(night) if _night(span) is not None else "",
        "class": wanted.label or "",
        "policy": wanted.policy or "",
        "group": "" if wanted.group is None else str(wanted.group),
        "sort": "" if wanted.sort == "rank" else wanted.sort,
    }
    return Asked(span=span, night=night, wanted=wanted, params=said)


def _night(text: str) -> Night | None:
    try:
        night = Night.parse(text)
        return night if night.end > night.start else None
    except (ValueError, OverflowError):  # the last day of the calendar has no end
        return None


def _one_of(text: str | None, known: tuple[str, ...]) -> str | None:
    return text if text in known else None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
