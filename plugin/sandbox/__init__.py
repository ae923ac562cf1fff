"""An embedded marshal on loopback for the demo and the tests: SkyPortal's REST API as far as the annotator uses it.

Its behaviour follows exchanges recorded from a real server (SkyPortal 1.4.0); the contract test replays them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugin.sandbox.faults import Fault, FaultKind, FaultPlan, Seen
    from plugin.sandbox.gate import Record
    from plugin.sandbox.sandbox import Sandbox

__all__ = ["Fault", "FaultKind", "FaultPlan", "Record", "Sandbox", "Seen"]

_HOMES = {
    "Fault": "faults",
    "FaultKind": "faults",
    "FaultPlan": "faults",
    "Record": "gate",
    "Sandbox": "sandbox",
    "Seen": "faults",
}


def __getattr__(name: str) -> Any:
    """Load the marshal when it is asked for: its commands can be listed without it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
