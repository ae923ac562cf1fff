"""The cards of ranked answers, and the page that shows them: one file, nothing from outside."""

import base64
import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_client.files.spectra import read_spectra
from models.domain import Report, Spectrum
from plugin.backfill import tables
from plugin.backfill.asked import Asked, analyst_of
from plugin.backfill.folder import RunFolder
from plugin.backfill.plan import InputChanged, Piece
from plugin.backfill.pulled import pulled
from plugin.backfill.ranking import SHOWN, Ranking
from plugin.batch.classify import asked as as_asked
from plugin.cycle.spectra.producer import known_spectrum
from plugin.ops.templates import html_templates

if TYPE_CHECKING:
    from plugin.cycle.spectra.producer import Card

_TEMPLATES = Path(__file__).parent / "templates"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One card on the page.

    Parameters
    ----------
    picture : str or None
        PNG in base64; None where the spectrum cannot be drawn, with `trouble`.
    """

    row: Row
    picture: str | None = None
    trouble: str | None = None


def draw(
    folder: RunFolder, asked: Asked, rows: Sequence[Row], *, advance: Callable[[int], None] = lambda _: None
) -> list[Shown]:
    """The cards of some answers: the pictures that the service draws of alerts. A second or two of a core each."""
    from plugin.parts import make_card

    card = make_card(analyst_of(asked)[0], asked.alpha)
    places = _places(folder, rows)
    shown = []
    for row in rows:
        shown.append(_drawn(folder, asked, row, places, card))
        advance(1)
    return shown


def _drawn(folder: RunFolder, asked: Asked, row: Row, places: Mapping[tuple[Any, ...], "_At"], card: "Card") -> Shown:
    at = places.get(_key(row))
    if at is None:
        return Shown(row=row, trouble="there is no such answer any more")
    try:
        spectrum = _spectrum(folder, asked, row, at)
        if spectrum is None:
            return Shown(row=row, trouble="the spectrum is not where it was")
        return Shown(row=row, picture=base64.b64encode(card(at.report, spectrum)).decode("ascii"))
    except (InputChanged, ValueError, OSError) as error:
        return Shown(row=row, trouble=f"no card: {error}")


@dataclass(frozen=True, slots=True)
class _At:
    partition: str
    report: Report


def _key(row: Row) -> tuple[Any, ...]:
    return row["file"], row["place"], row["spectrum_id"]


def _places(folder: RunFolder, rows: Sequence[Row]) -> dict[tuple[Any, ...], _At]:
    """In which partition each answer is, and its report."""
    wanted = {_key(row) for row in rows}
    found: dict[tuple[Any, ...], _At] = {}
    for path in sorted(folder.answers.glob("part-*.parquet")):
        names = ["file", "place", "spectrum_id"]
        if not wanted & {_key(row) for row in tables.rows(path, names)}:
            continue
        for row in tables.rows(path, [*names, "report"]):
            if _key(row) in wanted and row["report"] is not None:
                found[_key(row)] = _At(path.stem, Report.from_json(row["report"]))
    return found


def _spectrum(folder: RunFolder, asked: Asked, row: Row, at: _At) -> Spectrum | None:
    """The spectrum of an answer, read once more."""
    place = row["place"]
    if row["file"] is None:
        one = next(islice(pulled(folder.input_of(at.partition)), place, None), None)
        return None if one is None else known_spectrum(one.raw, one.target, asked.rules).item[0].spectrum
    pieces = next((p.pieces for p in folder.plan() if p.name == at.partition), ())
    of_row = (p for p in pieces if p.path == row["file"] and (p.rows is None or place in p.rows))
    piece: Piece | None = next(of_row, None)
    if piece is None:
        return None
    piece.check()
    rows = None if piece.rows is None else range(place, place + 1)
    raw = next(islice(read_spectra(piece.path, rows), 0 if rows else place, None), None)
    return None if raw is None else as_asked(raw, asked.rules)[0].spectrum


def page(title: str, bundle: str, rankings: Sequence[Ranking], cards: Sequence[Sequence[Shown]], total: int) -> str:
    """The page as HTML; everything that came from data is escaped."""
    template = html_templates(_TEMPLATES).get_template("ranking.html")
    parts = list(zip(rankings, cards, strict=True))
    return template.render(title=title, bundle=bundle, parts=parts, total=total, columns=_columns(rankings), cell=cell)


def write_table(path: Path, rankings: Sequence[Ranking]) -> None:
    """All of them as CSV, with what each is ordered by in the first column."""
    columns = _columns(rankings)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["order", "rank", *columns, "file", "place"])
        for ranking in rankings:
            for rank, row in enumerate(ranking.rows, 1):
                out.writerow([ranking.title, rank, *(row.get(name) for name in (*columns, "file", "place"))])


def _columns(rankings: Sequence[Ranking]) -> list[str]:
    more = [name for name in ("shape", "network") if any(name in row for r in rankings for row in r.rows)]
    return [*SHOWN, *more]


def cell(value: object) -> str:
    """A value for people."""
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
