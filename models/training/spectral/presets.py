"""What decides a training run of the classifier, and the settings it is run with (ASTRANet paper, Table XII)."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from models.spectral.net import COARSE, COMPACT, PAPER, VELOCITY, NetConfig
from models.training.spectral.augment import BOTH_AUGMENT, PAPER_AUGMENT, SEDM_AUGMENT, WIDE_AUGMENT, AugmentConfig
from models.training.spectral.auxiliary import ALL_AUXILIARY, AuxiliaryConfig
from models.training.spectral.losses import LossConfig
from models.training.spectral.sampling import PAPER_SAMPLING, SURVEY_SAMPLING, MetadataConfig, SamplingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run besides the data; the defaults are the paper's (Table XII).

    Parameters
    ----------
    matrix_rate : float
        Learning rate of matrices, by Muon, as a multiple of AdamW's; 0: AdamW for all.
    simulated : float
        Share of simulated spectra among those shown of TDEs and SLSNe; less of SNe II and Ibc (`transients.SHARES`).
    scaling : str
        How each spectrum is scaled before the network sees it, one of `scaling.SCALINGS`. The service knows
        `percentile` alone; the others are for the ablation.
    """

    net: NetConfig = PAPER
    loss: LossConfig = field(default_factory=LossConfig)
    auxiliary: AuxiliaryConfig = field(default_factory=AuxiliaryConfig)
    augment: AugmentConfig = PAPER_AUGMENT
    sampling: SamplingConfig = PAPER_SAMPLING
    simulated: float = 0.0
    metadata: MetadataConfig = field(default_factory=MetadataConfig)
    batch: int = 128
    steps_per_epoch: int = 0
    epochs: int = 200
    learning_rate: float = 3e-4
    matrix_rate: float = 0.0
    weight_decay: float = 1e-4
    clip: float = 1.0
    warmup: int = 5
    period: int = 30
    multiple: int = 2
    floor: float = 0.05
    ema: float = 0.996
    mixup: float = 0.5
    mixup_alpha: float = 0.3
    patience: int = 45
    swa_from: float = 0.75
    min_coverage: float = 0.6
    scaling: str = "percentile"

    def __post_init__(self) -> None:
        """Refuse what makes no sense together."""
        if self.mixup and self.auxiliary.out_of_distribution:
            raise ValueError("a spectrum cannot be blended with an out-of-distribution example: MixUp excludes them")

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, for the card."""
        return asdict(self)


_COMPACT = TrainConfig(
    net=COMPACT,
    augment=WIDE_AUGMENT,
    sampling=SURVEY_SAMPLING,
    batch=64,
    steps_per_epoch=100,
    epochs=36,
    learning_rate=1.5e-3,
    weight_decay=1e-2,
    warmup=2,
    period=34,
    multiple=0,
    floor=0.02,
    ema=0.99,
    patience=36,
    swa_from=0.7,
)

_RESTART = replace(
    _COMPACT,
    auxiliary=ALL_AUXILIARY,
    batch=72,
    epochs=14,
    learning_rate=1e-3,
    warmup=1,
    period=13,
    patience=14,
    mixup=0.0,
)

_COARSE = replace(
    _RESTART,
    net=COARSE,
    augment=BOTH_AUGMENT,
    simulated=0.3,
    epochs=48,
    learning_rate=1.5e-3,
    matrix_rate=13.0,
    warmup=2,
    period=46,
    patience=48,
)

PRESETS: dict[str, TrainConfig] = {
    "paper": TrainConfig(augment=WIDE_AUGMENT, sampling=SURVEY_SAMPLING, steps_per_epoch=64),
    "compact": _COMPACT,
    "compact-restart": _RESTART,
    "velocity": replace(_COARSE, net=VELOCITY, epochs=30, period=28, patience=30),
    "velocity-restart": replace(_RESTART, net=VELOCITY),
    "coarse": _COARSE,
    "sedm": replace(_COARSE, augment=SEDM_AUGMENT),
    "longslit": replace(
        _COARSE,
        augment=replace(BOTH_AUGMENT, sedm=(0.15, 4.0, 45.0)),
        sampling=replace(SURVEY_SAMPLING, low_resolution=1.5),
    ),
    "small": replace(
        _COARSE,
        net=replace(
            COARSE, log_bins=128, stem_kernels=(3, 5, 9), stem_channels=16, base_channels=48, channels=48, blocks=4
        ),
        simulated=0.0,
        auxiliary=AuxiliaryConfig(),
    ),
    "tiny": TrainConfig(
        net=replace(
            COMPACT,
            stem_channels=8,
            base_channels=16,
            downsample=16,
            channels=16,
            blocks=2,
            heads=2,
            dropout=0.0,
            coarse_dropout=0.0,
            fine_dropout=0.0,
        ),
        batch=24,
        steps_per_epoch=12,
        epochs=4,
        learning_rate=1.5e-2,
        warmup=1,
        period=3,
        multiple=0,
        ema=0.9,
        mixup=0.25,
    ),
}
"""`compact-restart` goes on from a bundle of `compact`: a warm restart without MixUp, with everything in `auxiliary`.
`velocity` is a network of bins of equal velocity width, trained that way from the start with Muon and simulated
transients; `velocity-restart` goes on without them. `coarse` has a quarter of its bins; half of what it is
shown is of the SED Machine or made to look so. `small` is less than half of it and learns the class alone: for
comparisons of many trainings on one core. `longslit` is shown a third, `sedm` next to nothing else.
`tiny` exists for tests: it trains in seconds and goes through every part of the method."""
