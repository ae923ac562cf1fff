"""What NEEDLE has answered about, and what crossed its threshold and when."""

from plugin.store.needle.record import Crossing, Needle, Noted

__all__ = ["Crossing", "Needle", "Noted"]
