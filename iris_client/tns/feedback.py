"""What the TNS says of a classification report: taken, there already, taken in part, or refused with reasons.

The messages stand at different depths: `{"100": {"message": ..., "message_id": 100}}`, a list of such, or below the
name of the field that is wrong. All of them are found, wherever they are. After the manual; never seen from the TNS.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from iris_client.tns.mirror import number, text

INSERTED, EXISTS, RENAMED = 100, 101, 121
_GOOD: Final = frozenset({INSERTED, RENAMED})
_DEEPEST, _MOST = 8, 20
_LONGEST: Final = 300


class Verdict(StrEnum):
    """What became of a report."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    PARTIAL = "partial"
    """Something of it was taken and something refused."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """The answer.

    Parameters
    ----------
    reasons : tuple of str
        What is wrong, in the TNS's words; of an accepted report none.
    new_name : str or None
        What the object is called now, where the report changed its prefix.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    new_name: str | None = None


def read_feedback(payload: Any, *, refused: bool) -> Feedback:
    """Read the reply about a report.

    Parameters
    ----------
    payload : JSON
        `data` of the envelope.
    refused : bool
        Whether the reply came with status 400.
    """
    feedback = payload.get("feedback", payload) if isinstance(payload, Mapping) else payload
    if isinstance(feedback, Mapping) and "classification_report" in feedback:
        feedback = feedback["classification_report"]
    found = list(_messages(feedback))[:_MOST]
    codes = {code for code, _, _ in found}
    reasons = tuple(dict.fromkeys(said for code, said, _ in found if code not in {*_GOOD, EXISTS}))
    new_name = next((name for code, _, name in found if code == RENAMED and name), None)
    if codes & _GOOD and reasons:
        return Feedback(verdict=Verdict.PARTIAL, reasons=reasons, new_name=new_name)
    if codes & _GOOD:
        return Feedback(verdict=Verdict.ACCEPTED, new_name=new_name)
    if EXISTS in codes and not reasons:
        said = tuple(dict.fromkeys(said for code, said, _ in found if code == EXISTS))
        return Feedback(verdict=Verdict.DUPLICATE, reasons=said)
    why = reasons or (("refused without a reason",) if refused else ("processed, with no message that is understood",))
    return Feedback(verdict=Verdict.REJECTED, reasons=why)


def _messages(value: Any, field: str = "", depth: int = _DEEPEST) -> Iterator[tuple[int | None, str, str | None]]:
    """Number, words and new name of every message; the words begin with the field that they are about."""
    if depth == 0:
        return
    if isinstance(value, Mapping) and ("message" in value or "message_id" in value):
        code = number(value.get("message_id"))
        said = text(value.get("message"), _LONGEST) or f"message {value.get('message_id')}"
        name = text(value.get("new_object_name"))
        yield None if code is None else int(code), f"{field}: {said}" if field else said, name
    elif isinstance(value, Mapping):
        for key, part in value.items():
            plain = str(key).isdigit() or str(key).endswith("messages") or str(key) == "internal_ids"
            yield from _messages(part, field if plain else str(key)[:60], depth - 1)
    elif isinstance(value, list):
        for part in value:
            yield from _messages(part, field, depth - 1)
    elif isinstance(value, str) and field and depth < _DEEPEST - 1 and text(value):
        yield None, f"{field}: {text(value, _LONGEST)}", None
