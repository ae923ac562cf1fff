"""Figures with intervals as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def interval(value: Mapping[str, float] | None) -> str:
    """`0.912 [0.901, 0.923]`, or a dash where there is nothing to say."""
    return "-" if value is None else f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def share(row: Mapping[str, Any], name: str) -> str:
    """A share under `name` with its `low` and `high`."""
    return f"{row[name]:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def yes_no(value: bool) -> str:
    """Whether something holds, so that what does not is seen."""
    return "yes" if value else "**no**"
