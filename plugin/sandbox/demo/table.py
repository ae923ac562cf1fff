"""The demo in the terminal: one line per spectrum, then what was sent."""

from collections.abc import Sequence

from rich.table import Table

from plugin.sandbox.demo.look import Look, in_order
from plugin.sandbox.demo.needle import ObjectLook
from plugin.sandbox.demo.page import Account
from plugin.web.look.answer import Interest

_MARKS = {
    "agrees": "[green]✓[/]",
    "in set": "[yellow]◐[/]",
    "missed": "[red]✗[/]",
    "odd": "[magenta]◇[/]",
    "refused": "[magenta]◇[/]",
    "unknown": "",
}


def of(looks: Sequence[Look]) -> Table:
    """Every spectrum, most interesting first; ✓ top class is the truth, ◐ truth in the set, ✗ missed, ◇ neither."""
    table = Table(title="Simulated spectra, most interesting first", title_justify="left", pad_edge=False)
    for name in ("source", "class", "p", "set or reason", "", "simulated as"):
        table.add_column(name, justify="right" if name == "p" else "left", no_wrap=name in ("source", "class"))
    for look in in_order(list(looks)):
        table.add_row(*_cells(look), style="bold" if look.interest <= Interest.MAYBE_RARE else None)
    return table


def of_objects(objects: Sequence[ObjectLook]) -> Table:
    """What NEEDLE said about each object from its alerts, rare classes first."""
    table = Table(title="What NEEDLE says of their alerts", title_justify="left", pad_edge=False)
    for name in ("source", "class", "p", "set or reason", "", "simulated as", "spectrum"):
        table.add_column(name, justify="right" if name == "p" else "left", no_wrap=name in ("source", "class"))
    for look in objects:
        p = max((p for _, p in look.probabilities), default=None)
        mark = "" if None in (look.truth, look.label) else "agrees" if look.truth == look.label else "missed"
        table.add_row(
            look.name,
            look.label or "-",
            "" if p is None else f"{p:.2f}",
            "{" + ", ".join(look.members) + "}" if look.label else (look.filed.report.reason or ""),
            _MARKS.get("in set" if mark == "missed" and look.truth in look.members else mark, ""),
            look.truth or "",
            look.joint,
        )
    return table


def summary(counts: dict[str, int], account: Account) -> str:
    """What it came to, in four lines."""
    per_spectrum = account.seconds / max(counts["spectra"], 1)
    return (
        f"{counts['spectra']} spectra: {counts['refused']} refused with a reason, {counts['first']} to look at first.\n"
        f"Top class is the simulated truth: {counts['agrees']} of {counts['judged']}; "
        f"truth in the prediction set: {counts['inside']} of {counts['judged']}.\n"
        f"Cycle 1: {account.total} writing requests in {account.seconds:.1f} s ({per_spectrum:.2f} s per spectrum, all "
        f"in).\nCycle 2: {account.sent_again} writing requests."
    )


def _cells(look: Look) -> tuple[str, ...]:
    verdict = look.report.verdict
    return (
        look.target.target_id,
        verdict.label if verdict else "-",
        f"{verdict.probability:.2f}" if verdict else "",
        "{" + ", ".join(look.members) + "}" if verdict else look.why,
        _MARKS[look.agreement],
        look.made_as,
    )
