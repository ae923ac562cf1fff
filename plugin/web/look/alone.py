"""The picture of a spectrum as a file that stands alone: SVG with its own style, light or dark as the system."""

import re
import textwrap
from typing import Final
from xml.sax.saxutils import escape

from plugin.store import Filed
from plugin.web.look import look_css
from plugin.web.look.figures import figures_of

_WIDTH: Final = 600
_LINE, _WORDS = 16, 92


def picture_alone(filed: Filed) -> str:
    """The same figures as on the object's page, one below the other, each with its words.

    Raises
    ------
    ValueError
        If nothing of the spectrum was kept that could be drawn.
    """
    figures = figures_of(filed)
    if not figures:
        raise ValueError(f"nothing of spectrum {filed.subject.id} was kept that could be drawn")
    parts, top = [], 8.0
    for figure in figures:
        doubts = f" But {'; '.join(figure.doubts)}." if figure.doubts else ""
        for line in textwrap.wrap(figure.words + doubts, _WORDS):
            top += _LINE
            parts.append(f'<text x="8" y="{top:.0f}" class="words">{escape(line)}</text>')
        height = float(re.search(r'viewBox="0 0 \d+ (\d+)"', figure.picture)[1])  # type: ignore[index]
        placed = f'<svg x="0" y="{top + 6:.0f}" width="{_WIDTH}" height="{height:.0f}" '
        parts.append(str(figure.picture).replace("<svg ", placed, 1))
        top += height + 12
    style = f"{look_css()} svg {{ background: var(--paper); }} .words {{ font: 12px sans-serif; fill: var(--ink); }}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top:.0f}" width="{2 * _WIDTH}">'
    return f"{head}<style>{style}</style>{''.join(parts)}</svg>\n"
