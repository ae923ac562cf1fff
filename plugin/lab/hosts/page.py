"""The measured hosts as a page."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from plugin.lab.hosts.evaluation import Known


def markdown(
    objects: Sequence[Known], law: Mapping[str, float], rules: Mapping[str, Any], needle: Mapping[str, Any], model: str
) -> str:
    """The page, from `size_law`, `of_rules` and `of_needle`."""
    total = len(objects)
    table = ["| rule | right | share | against the nearest | gained | lost |", "|---|---|---|---|---|---|"]
    table += [
        f"| {name} | {row['right']} of {total} | {_interval(row['share'])} | {_interval(row['difference'], '+')} "
        f"| {row['gained']} | {row['lost']} |"
        for name, row in rules.items()
    ]
    gain = "" if needle["gain"] is None else f", {_interval(needle['gain'], '+', 3)} in the mean"
    parts = [
        "# Hosts among an alert's neighbours",
        _text(
            "Made by `astranet evaluate hosts --data FOLDER --out docs/results`. A ZTF alert names the three nearest "
            "sources of Pan-STARRS with distance, magnitudes of a point source and a star score, and with no shape, so "
            "there is no directional light radius. What stands in its place: the offset over the usual radius of a "
            "galaxy as bright, and the probability that a galaxy as bright lies as near by chance (Bloom et al. 2002), "
            f"at most 0.1. The usual radius is {law['at_18_mag']:.2f} arcsec at r = 18 mag and falls by "
            f"{-law['slope']:.3f} in its decimal logarithm per magnitude (scatter {law['scatter']:.2f}), fitted to "
            f"{law['galaxies']:.0f} hosts of objects without a packet (FLEET)."
        ),
        "## Which rule names the right host",
        _text(
            f"{total} objects with a packet whose host is known with its place "
            f"({_listed(Counter(one.by for one in objects))}), each once; 95 % intervals by resampling objects. Right "
            "is a source within 2 arcsec of the known host, or within its radius."
        ),
        "\n".join(table),
        _text(
            "FLEET chose its hosts by chance coincidence too, from deeper magnitudes and real radii, so its objects "
            "speak a little for that rule; those of YSE do not. Where no rule is right, the host is not among the "
            "three, which are then parts of it or chance neighbours."
        ),
        f"## What another host does to {model}",
        _text(
            f"{needle['objects']} objects that the model was not trained on have a light curve and a packet "
            f"({_listed(needle['classes'])}). For {needle['other_host']} of them the two rules name different hosts, "
            "or one names none. "
            f"The most probable class changes for {needle['other_class']}, and the score of the right class by "
            f"{needle['largest']:.3f} at most{gain}."
        ),
        _text(
            "The service tells the galaxy of the least chance beside NEEDLE's host (`galaxy_sep`, `galaxy_chance`) and "
            "goes on telling NEEDLE of the nearest source. The hosts that it learned from came by another way in any "
            "case, and what a change does to SLSN-I and TDE shows only where objects of these classes have packets."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _text(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _interval(one: Mapping[str, float], sign: str = "", digits: int = 2) -> str:
    form = f"{sign}.{digits}f"
    return f"{one['value']:{form}} [{one['low']:{form}}, {one['high']:{form}}]"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())
