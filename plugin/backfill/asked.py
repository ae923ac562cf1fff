"""What is asked of the models in one run: the same for every partition, and the same when the run is taken up again."""

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from iris_client.quality.rules import QualityRules

if TYPE_CHECKING:
    from models.decision import Strategy
    from models.recalibration.applied import LocalAnalyst
    from models.sentinel.detector import OperatingRegime
    from models.set_layer import SetMethod
    from plugin.settings import Settings


class OtherModels(Exception):
    """A worker has other models than the run was begun with; its answers would not belong to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Models, thresholds and rules. It goes to every worker, and so it holds no secret.

    Parameters
    ----------
    bundle : str or None
        Folder of the bundle, as workers see it; None for the one that is shipped.
    bundle_id : str
        Which bundle it must be.
    regime, alpha, false_alarm_rate, strategy, sets, device
        As the settings of the same names.
    """

    bundle: str | None
    bundle_id: str
    regime: "OperatingRegime" = "anchor"
    alpha: float = 0.05
    false_alarm_rate: float = 0.01
    strategy: "Strategy" = "within_seed"
    sets: "SetMethod" = "lac"
    device: str = "cpu"
    rules: QualityRules = field(default_factory=QualityRules)

    @classmethod
    def of(cls, settings: "Settings") -> Self:
        """As the service answers, by its settings.

        Raises
        ------
        BundleError
            If the bundle is damaged.
        """
        from models.bundle import SHIPPED, verify
        from models.card_fields import bundle_id
        from plugin.parts import quality_rules

        return cls(
            bundle=None if settings.bundle is None else str(settings.bundle.resolve()),
            bundle_id=bundle_id(verify(settings.bundle or SHIPPED)),
            regime=settings.regime,
            alpha=settings.alpha,
            false_alarm_rate=settings.false_alarm_rate,
            strategy=settings.strategy,
            sets=settings.sets,
            device=settings.device,
            rules=quality_rules(settings),
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types. Where the bundle lies and where the networks run changes no answer, and is left out."""
        plain = asdict(self)
        plain["rules"] = {k: list(v) if isinstance(v, tuple) else v for k, v in plain["rules"].items()}
        return {key: value for key, value in plain.items() if key not in ("bundle", "device")}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], *, bundle: str | None, device: str) -> Self:
        """What `to_dict` told, by the bundle in a folder."""
        rules: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain["rules"].items()}
        return cls(**{**plain, "rules": QualityRules(**rules), "bundle": bundle, "device": device})


_lock = threading.Lock()
_loaded: dict[Asked, "LocalAnalyst"] = {}


def analyst_of(asked: Asked) -> tuple["LocalAnalyst", float]:
    """The models, loaded once in a process, and how many seconds that took now; 0 where they were there.

    Raises
    ------
    OtherModels
        If the bundle is not the one of the run, or cannot answer in its way.
    BundleError
        If it is damaged.
    """
    with _lock:
        if asked in _loaded:
            return _loaded[asked], 0.0
        begun = time.monotonic()
        from models.bundle import load
        from models.recalibration.applied import LocalAnalyst

        bundle = load(None if asked.bundle is None else Path(asked.bundle), device=asked.device)
        if bundle.bundle_id != asked.bundle_id:
            raise OtherModels(f"this worker has the bundle {bundle.bundle_id}, the run is by {asked.bundle_id}")
        try:
            analyst = LocalAnalyst(
                bundle,
                regime=asked.regime,
                alpha=asked.alpha,
                false_alarm_rate=asked.false_alarm_rate,
                strategy=asked.strategy,
                sets=asked.sets,
            )
        except ValueError as error:  # the bundle does not hold what they need
            raise OtherModels(str(error)) from None
        _loaded.clear()  # one at a time: a worker that serves a second run forgets the first one's models
        _loaded[asked] = analyst
        return analyst, time.monotonic() - begun
