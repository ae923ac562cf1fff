"""Fine-tuned detectors for the k-fold protocol and for the service, kept on disk: a second run goes on from there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.sentinel.adapter import Adapter
from models.sentinel.features import Features
from models.spectral.ensemble import Member
from models.training.dataset import Dataset
from models.training.sentinel.exposure import (
    ExposureConfig,
    Inputs,
    Model,
    Shown,
    Whole,
    class_centres,
    fine_tune,
    forward_outputs,
    learn_to_tell,
)
from models.training.sentinel.fitting import Material, PredictedSpectra, Sights, sights
from models.training.spectral.sampling import SURVEY_SAMPLING, tempered, weights

Progress = Callable[[int], None]
Bools = NDArray[np.bool_]
REAL, SEMI_REAL = 1.0, 0.5
"""How often a rare spectrum is shown, for its class's share."""
RARE_SHARE = 0.9
"""Share of the exposed spectra that are rare ones; the others are simulated. Of 0.3, 0.5, 0.75 and 0.9 each found more
than the one before at the same false alarms, out of fold."""


class Tuning:
    """Makes what networks see which were tuned with some rare spectra exposed.

    Every finished adapter (or member, where whole networks are tuned) is a file in `folder`.

    Parameters
    ----------
    material : Material
        As the untuned members see it.
    members : sequence of Member
        In the order of the material's prediction.
    folder : Path
    device : str
        `cpu` or `cuda`.
    progress : callable
        Told of each adapter or member tuned.
    """

    def __init__(
        self,
        material: Material,
        members: Sequence[Member],
        config: ExposureConfig,
        folder: Path,
        *,
        device: str = "cpu",
        progress: Progress = lambda _: None,
    ) -> None:
        self._material, self._members, self._config = material, members, config
        self._folder, self._device, self._progress = folder, device, progress

    def __call__(self, seed: int, fold: int, exposed: Bools) -> tuple[Sights, Adapter | None]:
        """What one seed sees once it is tuned; see `models.training.sentinel.fitting.Tuned`."""
        own = [m for m in self._members if m.seed == seed]
        if self._config.part == "top":
            return self._adapted(own[-1], fold, exposed)
        nets = [self._whole(m, fold, exposed) for m in own]
        parts = {f: _each(getattr(self._material, f), nets) for f in Material.__dataclass_fields__}
        return Sights(**parts, scores=sights(self._material, seed).scores), None

    def _adapted(self, member: Member, fold: int, exposed: Bools) -> tuple[Sights, Adapter]:
        seen = sights(self._material, member.seed)
        seed = 1000 * member.seed + fold
        with torch.random.fork_rng():
            torch.manual_seed(seed)  # of its first weights too: a run that goes on must not depend on what was there
            adapter = Adapter.before(member.net, seen.train.texture, self._config.hidden)
        rare = [f.rows(_repeated(exposed, len(f))) for f in (seen.rare, seen.views)]
        strange = [_features(f) for f in (*rare, *seen.odd.values())]
        path = self._folder / f"adapter-{member.seed}-{fold}.safetensors"
        if path.exists():
            adapter.load_state_dict(load_file(path))
        else:
            self._tune(adapter, _features(seen.train), strange, exposed, seed)
            self._tell(adapter, seen, strange, exposed, seed)
            _kept(adapter, path)
        self._progress(1)
        centres, _ = class_centres(adapter, _features(seen.train), torch.from_numpy(self._material.train.data.label))
        adapter.class_centres.copy_(centres)
        adapter.rounded().eval().requires_grad_(False)
        return seen.through(adapter), adapter

    def _whole(self, member: Member, fold: int, exposed: Bools) -> Whole:
        m = self._material
        model = Whole(member.net).to(self._device)
        strange = [m.rare.rows(exposed), m.views.rows(_repeated(exposed, len(m.views.data))), *m.odd.values()]
        path = self._folder / f"tuned-{member.seed}-{member.kind}-{fold}.safetensors"
        if path.exists():
            model.load_state_dict(load_file(path))
        else:
            fluxes = [_fluxes(b.data) for b in strange]
            self._tune(model, _fluxes(m.train.data), fluxes, exposed, 1000 * member.seed + fold)
            _kept(model, path)
        self._progress(1)
        return model.eval()

    def _tune(self, model: Model, ordinary: Inputs, strange: Sequence[Inputs], exposed: Bools, seed: int) -> None:
        """The paper's part. `strange`: rare, views, then each simulated kind."""
        data = self._material.train.data
        usual = Shown(inputs=ordinary, weights=weights(data, SURVEY_SAMPLING))
        shown = Shown(inputs=_together(strange), weights=self._weights([len(s[0]) for s in strange], exposed))
        fine_tune(model, usual, torch.from_numpy(data.label), shown, self._config, seed=seed)

    def _tell(self, adapter: Adapter, seen: Sights, strange: Sequence[Inputs], exposed: Bools, seed: int) -> None:
        """The part beyond the paper: ordinary spectra as they are and augmented, rarer classes more often."""
        m = self._material
        texture = torch.cat([_features(f)[1] for f in (seen.train, seen.train_views)])
        label = np.concatenate([m.train.data.label, m.train_views.data.label])
        usual = Shown(inputs=(texture,), weights=torch.tensor(tempered(np.bincount(label), 0.5)[label]))
        numbers = self._weights([len(s[0]) for s in strange], exposed)
        learn_to_tell(adapter, usual, Shown(inputs=(_together(strange)[1],), weights=numbers), self._config, seed=seed)

    def _weights(self, sizes: Sequence[int], exposed: Bools) -> Tensor:
        """Rare ones by the root of their class's number, augmented as often as not; simulated kinds alike."""
        data = self._material.rare.data
        kinds = np.array(data.kinds)[exposed]
        _, which, count = np.unique(kinds, return_inverse=True, return_counts=True)
        rare = np.where(data.semi_real[exposed], SEMI_REAL, REAL) / np.sqrt(count[which])
        views = np.tile(rare, sizes[1] // max(len(rare), 1))
        real = np.concatenate([rare, views])
        made = np.concatenate([np.full(n, 1 / n) for n in sizes[2:]]) if sizes[2:] else np.zeros(0)
        share = RARE_SHARE if len(made) else 1.0
        return torch.tensor(np.concatenate([share * real / real.sum(), (1 - share) * made / max(made.sum(), 1e-12)]))


def _kept(model: Model, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, fresh)
    fresh.replace(path)


def _together(parts: Sequence[Inputs]) -> Inputs:
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


def _repeated(exposed: Bools, n: int) -> Bools:
    return np.tile(exposed, n // len(exposed))


def _features(features: Features) -> Inputs:
    return tuple(torch.tensor(v, dtype=torch.float32) for v in (features.embedding, features.texture))


def _fluxes(data: Dataset) -> Inputs:
    return torch.from_numpy(data.flux), torch.from_numpy(data.masks())


def _each(value: Any, nets: Sequence[Whole]) -> Any:
    """Features of one set, or of each of several."""
    if isinstance(value, PredictedSpectra):
        return _seen(value.data, nets)
    return {k: _seen(b.data, nets) for k, b in value.items()}


def _seen(data: Dataset, nets: Sequence[Whole]) -> Features:
    """Mean over tuned members."""
    outputs = [forward_outputs(net, _fluxes(data)) for net in nets]

    def mean(parts: Sequence[Tensor]) -> NDArray[np.float64]:
        return torch.stack([p.double() for p in parts]).mean(0).numpy()

    return Features(
        logits=mean([o.fine_logits for o in outputs]),
        coarse=mean([o.coarse_logits.double().softmax(-1) for o in outputs]),
        embedding=mean([o.embedding for o in outputs]),
        projection=mean([o.fine_projection for o in outputs]),
        texture=mean([o.texture for o in outputs]),
        exposure=np.zeros((len(data), 3)),
    )
