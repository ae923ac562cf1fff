"""AstroNotes: which objects of a period deserve one, the draft, and its files. A person submits; we never do.

period (a night, noon to noon UTC, or a week of them) -> kind of note: rules.select -> draft.compose -> files.write_note
"""

from plugin.notes.draft import Byline, Draft, compose
from plugin.notes.entries import Entry
from plugin.notes.files import write_note
from plugin.notes.night import Night
from plugin.notes.period import Period
from plugin.notes.rules import Selection, select

__all__ = ["Byline", "Draft", "Entry", "Night", "Period", "Selection", "compose", "select", "write_note"]
