"""AstroNotes: which objects of a night deserve one, the draft, and its files. A person submits; we never do.

night (noon to noon UTC) -> rules.select -> draft.compose -> files.write_note
"""

from plugin.notes.draft import Byline, Draft, compose
from plugin.notes.entries import Entry, Figure, Figures
from plugin.notes.files import write_note
from plugin.notes.night import Night
from plugin.notes.rules import NoteRules, Selection, select

__all__ = [
    "Byline",
    "Draft",
    "Entry",
    "Figure",
    "Figures",
    "Night",
    "NoteRules",
    "Selection",
    "compose",
    "select",
    "write_note",
]
