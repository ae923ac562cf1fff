"""An embedded marshal on loopback for the demo and the tests: SkyPortal's REST API as far as the annotator uses it.

Its behaviour follows exchanges recorded from a real server (SkyPortal 1.4.0); the contract test replays them.
"""

from plugin.sandbox.faults import Fault, FaultKind, FaultPlan, Seen
from plugin.sandbox.gate import Record
from plugin.sandbox.sandbox import Sandbox

__all__ = ["Fault", "FaultKind", "FaultPlan", "Record", "Sandbox", "Seen"]
