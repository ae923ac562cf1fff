"""How many of our alerts deserved one: by the vetters' verdicts, and by what people say that the objects are."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plugin.store.truth.verdicts import VERDICTS, Vetted, agreed
from plugin.truth.card.rows import Row
from plugin.truth.card.share import share


def purity(
    alerts: Iterable[tuple[str, str]], vetted: Mapping[str, Mapping[str, Vetted]], rows: Sequence[Row]
) -> dict[str, Any]:
    """What became of the alerts.

    Parameters
    ----------
    alerts : iterable of (object, spectrum)
        Every answer that counts and is an alert.
    vetted : mapping
        The last word of each vetter by spectrum.
    rows : sequence of Row
        Answers beside their truth, rare types too.
    """
    every = list(alerts)
    words: Counter[str] = Counter()
    judged: list[tuple[str, bool]] = []
    for name, spectrum_id in every:
        said = vetted.get(spectrum_id, {})
        word = agreed(said.values())
        words["unvetted" if not said else word or "disputed"] += 1
        if word is not None:
            judged.append((name, word == "interesting"))
    typed = [row for row in rows if row.policy == "ALERT"]
    return {
        "alerts": {"objects": len({name for name, _ in every}), "spectra": len(every)},
        "words": {word: words[word] for word in (*VERDICTS, "disputed", "unvetted")},
        "by_vetters": share(judged).to_dict(),
        "by_truth": {
            "before": _rare(row for row in typed if not row.after_ours),
            "after": _rare(row for row in typed if row.after_ours),
        },
    }


def _rare(rows: Iterable[Row]) -> dict[str, Any]:
    """How many are of a rare type, which is none of our classes."""
    return share((row.object, row.rare is not None) for row in rows).to_dict()
