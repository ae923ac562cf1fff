"""What is on the marshal and on file after a trial, against what an undisturbed service leaves."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select, text

from plugin.cycle.spectra.because import BECAUSE, EARLIER
from plugin.sandbox.sandbox import Sandbox
from plugin.sandbox.slack import SlackSandbox
from plugin.store import Store, tables

_OPEN: Final = {"queue": ("new", "claimed", "parked"), "outbox": ("pending", "sending", "parked")}

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Posted:
    """Everything that the service's account left on a marshal, by place and kind: each should be there once.

    So it is with what it left at Lasair, where a later annotation replaces an earlier one.
    """

    annotations: Mapping[Key, list[Any]]
    classifications: Mapping[Key, list[Any]]
    comments: Mapping[Key, list[Any]]
    at_lasair: Mapping[Key, list[Any]]

    @classmethod
    def on(cls, sandbox: Sandbox) -> "Posted":
        """What hangs on what is still there."""
        state = sandbox.state
        with state.lock:
            me = next(user.id for user in state.users.values() if user.token == sandbox.token)
            notes = [
                ((str(a.spectrum_id or a.obj_id), a.origin), (dict(a.data), sorted(a.group_ids)))
                for a in state.annotations
                if a.author_id == me and (a.spectrum_id is None or a.spectrum_id in state.spectra)
            ]
            classes = [
                ((c.obj_id,), (c.classification, c.probability, sorted(c.group_ids)))
                for c in state.classifications.values()
                if c.author_id == me
            ]
            comments = [
                ((str(c.spectrum_id),), (c.text, c.attachment_name, c.attachment, sorted(c.group_ids)))
                for c in state.comments
                if c.author_id == me and c.spectrum_id in state.spectra
            ]
        hanging = [((topic, name), _without_time(body)) for (topic, name), body in sandbox.lasair.annotations.items()]
        return cls(_grouped(notes), _grouped(classes), _grouped(comments), _grouped(hanging))

    @staticmethod
    def clear(sandbox: Sandbox) -> None:
        """Take all of it away."""
        state = sandbox.state
        with state.lock:
            me = next(user.id for user in state.users.values() if user.token == sandbox.token)
            state.annotations[:] = [a for a in state.annotations if a.author_id != me]
            state.comments[:] = [c for c in state.comments if c.author_id != me]
            for number in [n for n, c in state.classifications.items() if c.author_id == me]:
                del state.classifications[number]
        sandbox.lasair.annotations.clear()


@dataclass(slots=True)
class Verdict:
    """What is wrong, in words; nothing when all is well."""

    answers: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is lost, twice or corrupt."""
        return not (self.lost or self.twice or self.corrupt)


def compare(found: Posted, wanted: Posted, edited: Iterable[int]) -> Verdict:
    """Judge what hangs on a marshal.

    Parameters
    ----------
    edited : iterable of int
        Spectra that changed: a card on one may be of an alert that is none any more, and stays as what was said then.
    """
    verdict = Verdict()
    may_stay = {(str(number),) for number in edited}
    for kind in ("annotations", "classifications", "comments", "at_lasair"):
        here, there = getattr(found, kind), getattr(wanted, kind)
        verdict.answers += len(there)
        for key, values in here.items():
            if len(values) > 1:
                verdict.twice.append(f"{kind} at {' '.join(key)}: {len(values)}")
            if key not in there and not (kind == "comments" and key in may_stay):
                verdict.corrupt.append(f"{kind} at {' '.join(key)}: nothing should hang there")
            if key in there and values[0] != there[key][0]:
                verdict.corrupt.append(f"{kind} at {' '.join(key)}: {values[0]} instead of {there[key][0]}")
        verdict.lost += [f"{kind} at {' '.join(key)}" for key in there if key not in here]
    return verdict


def look_into(store: Store, undisturbed: Store, verdict: Verdict) -> None:
    """Add what is wrong in the database: work that is not done, reports that differ, a damaged file."""
    with store.engine.connect() as connection:
        for name, states in _OPEN.items():
            table = tables.metadata.tables[name]
            for row in connection.execute(select(table).where(table.c.state.in_(states))):
                verdict.lost.append(f"{name}: {row._mapping.get('subject_id') or row.place_id} is {row.state}")
        unknown = select(tables.delivered.c.place_id).where(tables.delivered.c.body_sha.is_(None))
        verdict.corrupt += [f"delivered: {name} is unknown" for name in connection.execute(unknown).scalars()]
        if store.engine.dialect.name == "sqlite":
            said = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            verdict.corrupt += [f"the file: {line}" for line in said if line != "ok"]
    here, there = _reports(store), _reports(undisturbed)
    verdict.lost += [f"report on {' '.join(key)}" for key in there if key not in here]
    verdict.twice += [f"report on {' '.join(key)}: {len(v)}" for key, v in here.items() if len(v) > 1]
    same = here.keys() & there.keys()
    verdict.corrupt += [f"report on {' '.join(key)}: differs" for key in same if here[key][0] != there[key][0]]


def untold(store: Store, chat: SlackSandbox) -> list[str]:
    """Alerts that count as told to the web hook and of which it has heard nothing.

    Said twice is no fault: nobody can ask a web hook what it has taken, so a lost answer is a message said again.
    """
    outbox = tables.outbox
    told = (outbox.c.kind == "message") & (outbox.c.state == "sent") & (outbox.c.place_kind == "spectrum")
    heard = json.dumps(chat.messages)
    with store.engine.connect() as connection:
        bodies = connection.execute(select(outbox.c.body).where(told)).scalars()
        sources = {str(json.loads(body)["source"]) for body in bodies if body is not None}
    return [f"message about {source}" for source in sorted(sources) if source not in heard]


def _reports(store: Store) -> dict[Key, list[Any]]:
    table = tables.reports
    columns = (table.c.subject, table.c.subject_id, table.c.producer, table.c.body, table.c.facts)
    with store.engine.connect() as connection:
        # A refusal about an object tells nobody anything, and depends on when it was first seen.
        told = table.c.is_current & ((table.c.subject == "spectrum") | (table.c.status == "ok"))
        rows = connection.execute(select(*columns).where(told)).all()
    return _grouped(((row[0], row[1], row[2]), (row[3], _without_history(row[4]))) for row in rows)


def _without_history(facts: str) -> dict[str, Any]:
    """What was found; how often it was answered before, and why again, depends on who was killed when."""
    return {name: value for name, value in json.loads(facts).items() if name not in (BECAUSE, EARLIER)}


def _without_time(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is said; the explanation tells when it was said first."""
    return {name: value for name, value in body.items() if name != "explanation"}


def _grouped(pairs: Iterable[tuple[Key, Any]]) -> dict[Key, list[Any]]:
    found: dict[Key, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
