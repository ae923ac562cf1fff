"""The kinds of notes, each with its own rules, columns and words."""

from plugin.notes.kinds.anomalies import AnomaliesKind
from plugin.notes.kinds.candidates import CandidatesKind
from plugin.notes.kinds.classes import ClassesKind

__all__ = ["AnomaliesKind", "CandidatesKind", "ClassesKind"]
