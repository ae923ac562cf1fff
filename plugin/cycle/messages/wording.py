"""The words of messages, as Slack and its like read them. Everything from elsewhere is escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from iris_client.slack import escaped

_MOST_NAMES: Final = 30
_MOST_CHARACTERS: Final = 2900
"""Of one block; Slack takes 3000."""
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Where names lead to.

    Parameters
    ----------
    marshal_url : str
        Address of the marshal.
    web_url : str or None
        Where people reach this service's own pages.
    """

    marshal_url: str
    web_url: str | None = None

    def alert(self, body: Body) -> str:
        """One alert."""
        name = str(body.get("source") or "?")
        links = f"<{self._source(name)}|in the marshal>"
        if self.web_url:
            links += f", <{self._page(name)}|our page>"
        lines = [
            f":rotating_light: *ALERT {escaped(name)}*: {_gist(body)}",
            _text(body.get("sentence")),
            _seen(body),
            links,
        ]
        return _fit("\n".join(line for line in lines if line))

    def together(self, bodies: Sequence[Body]) -> str:
        """Several alerts at once, when there are more than may be told singly."""
        lines = [f":rotating_light: *{len(bodies)} ALERTs*, told together because there are many:"]
        lines += [f"\u2022 {self._link(b)}: {_gist(b)}" for b in bodies]
        return _fit("\n".join(_cut(lines, _MOST_NAMES + 1)))

    def digest(self, body: Body) -> str:
        """What a night has brought."""
        head = f"*ASTRANet, night of {_text(body.get('night'))} UT*: {_n(body.get('answered'), 'answer')}, "
        lines = [f"{head}{_n(body.get('refused'), 'refusal')}."]
        for what, key in (("ALERT", "alerts"), ("NEEDLE candidates", "candidates")):
            rows = body.get(key) or []
            names = [f"{self._link(row)} {_text(row.get('class'))}" for row in rows]
            lines.append(f"{what}: {', '.join(_cut(names, _MOST_NAMES)) or 'none'}.")
        if body.get("parked"):
            lines.append(f"{_n(body['parked'], 'piece')} of work or post set aside: `astranet show --parked` says why.")
        lines.append(_drafts(body.get("notes") or []))
        return _fit("\n".join(lines))

    def drift(self, body: Body) -> str:
        """Alarms of the tests for drift, and what became of calibration."""
        lines = [_text(line) for line in body.get("drift") or []]
        return _fit("\n".join([":warning: *ASTRANet: have a look at the calibration*", *lines]))

    def waiting(self, body: Body) -> str:
        """A draft that waits for a person."""
        link = str(body.get("link") or "")
        where = f"<{link}|review it>" if link.startswith("http") else f"`{_text(link)}`"
        head = f":memo: *A draft AstroNote waits for a person* ({_text(body.get('kind'))}, {_text(body.get('night'))})"
        return _fit(f"{head}: {_n(body.get('objects'), 'object')}, {where}\n{_text(body.get('title'))}")

    def _link(self, body: Body) -> str:
        name = str(body.get("source") or "?")
        return f"<{self._page(name) if self.web_url else self._source(name)}|{escaped(name)}>"

    def _source(self, name: str) -> str:
        return f"{self.marshal_url}/source/{quote(name, safe='')}"

    def _page(self, name: str) -> str:
        return f"{self.web_url}/object/{quote(name, safe='')}"


def blocks(text: str) -> list[dict[str, Any]]:
    """A text as one block, which Slack draws with its links."""
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]


def _gist(body: Body) -> str:
    parts = [f"{_text(body.get('class')) or 'no class'}"]
    for key, name in (("p", "p"), ("p_mondrian", "p_mondrian")):
        if isinstance(body.get(key), int | float):
            parts.append(f"{name} {body[key]:g}")
    if body.get("resembles"):
        parts.append(f"resembles {_text(body['resembles'])}")
    return ", ".join(parts)


def _drafts(kinds: Sequence[str]) -> str:
    if not kinds:
        return "No draft note."
    which = ", ".join(map(_text, kinds))
    return (
        f"A draft note waits for a person: {which}." if len(kinds) == 1 else f"Draft notes wait for a person: {which}."
    )


def _seen(body: Body) -> str:
    when = _text(body.get("observed_at"))[:16].replace("T", " ")
    with_what = _text(body.get("instrument"))
    parts = [f"spectrum {_text(body.get('spectrum'))}", *([f"taken {when} UT"] if when else []), with_what]
    return ", ".join(part for part in parts if part)


def _text(value: object) -> str:
    return "" if value is None else escaped(str(value))


def _n(count: object, one: str) -> str:
    number = count if isinstance(count, int) else 0
    return f"{number} {one if number == 1 else one + 's'}"


def _cut(items: list[str], most: int) -> list[str]:
    return items if len(items) <= most else [*items[:most], f"and {len(items) - most} more"]


def _fit(text: str) -> str:
    """Whole lines, as many as a block takes."""
    kept = text.split("\n")
    while len("\n".join(kept)) > _MOST_CHARACTERS and len(kept) > 1:
        kept = [*kept[:-2], "and more"] if kept[-1] == "and more" else [*kept[:-1], "and more"]
    return "\n".join(kept)[:_MOST_CHARACTERS]
