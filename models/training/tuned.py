"""Fine-tuned detectors for the k-fold protocol: one set of tuned members per seed and fold, kept on disk."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.spectral.ensemble import Beliefs, Member
from models.training.dataset import Dataset
from models.training.exposure import ExposureConfig, Inputs, Top, Whole, answers, fine_tune
from models.training.protocol import Scorer
from models.training.sentinel import Believed, Material, fit_scores

Progress = Callable[[int], None]


class Tuning:
    """Makes the material that networks see which were tuned with some rare spectra exposed.

    Every finished (member, fold) is a file in `folder`; a second run takes it from there.

    Parameters
    ----------
    material : Material
        As the untuned members see it.
    members : sequence of Member
        In the order of the material's beliefs.
    folder : Path
    device : str
        `cpu` or `cuda`.
    progress : callable
        Told of each member tuned.
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

    def __call__(self, seed: int, fold: int, exposed: NDArray[np.bool_]) -> tuple[Material, Scorer]:
        """Material of one seed's tuned members, and a scorer fitted to it."""
        own = [i for i, m in enumerate(self._members) if m.seed == seed]
        models = [(i, self._tuned(i, fold, exposed)) for i in own]
        m = self._material
        now = Material(
            train=self._seen(m.train, models),
            select=self._seen(m.select, models),
            calibrate=self._seen(m.calibrate, models),
            test=self._seen(m.test, models),
            rare=self._seen(m.rare, models),
            odd={kind: self._seen(b, models) for kind, b in m.odd.items()},
            odd_test={kind: self._seen(b, models) for kind, b in m.odd_test.items()},
        )
        return now, fit_scores(now, seed)

    def _tuned(self, i: int, fold: int, exposed: NDArray[np.bool_]) -> Whole | Top:
        member, m = self._members[i], self._material
        model: Whole | Top = Whole(member.net) if self._config.part == "all" else Top(member.net, self._config.hidden)
        model.to(self._device)
        path = self._folder / f"tuned-{member.seed}-{member.kind}-{fold}.safetensors"
        if path.exists():
            model.load_state_dict(load_file(path))
            self._progress(1)
            return model.eval()
        strange = [self._inputs(m.rare, i, exposed), *(self._inputs(b, i) for b in m.odd.values())]
        together = tuple(torch.cat(column) for column in zip(*strange, strict=True))
        labels = torch.from_numpy(m.train.data.label)
        fine_tune(model, self._inputs(m.train, i), labels, together, self._config, seed=1000 * member.seed + fold)
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, fresh)
        fresh.replace(path)
        self._progress(1)
        return model

    def _inputs(self, believed: Believed, i: int, where: NDArray[np.bool_] | None = None) -> Inputs:
        if where is not None:
            believed = believed.rows(where)
        if self._config.part == "top":
            return (torch.tensor(believed.beliefs.member_embedding[i], dtype=torch.float32),)
        return _fluxes(believed.data)

    def _seen(self, believed: Believed, models: Sequence[tuple[int, Whole | Top]]) -> Believed:
        outputs = [answers(model, self._inputs(believed, i)) for i, model in models]

        def stacked(parts: Sequence[Tensor]) -> NDArray[np.float64]:
            return torch.stack([p.double() for p in parts]).numpy()

        beliefs = Beliefs(
            member_fine=stacked([o.fine_logits.softmax(-1) for o in outputs]),
            member_coarse=stacked([o.coarse_logits.softmax(-1) for o in outputs]),
            member_logits=stacked([o.fine_logits for o in outputs]),
            member_embedding=stacked([o.embedding for o in outputs]),
            member_projection=stacked([o.fine_projection for o in outputs]),
            seeds=tuple(self._members[i].seed for i, _ in models),
        )
        return replace(believed, beliefs=beliefs)


def _fluxes(data: Dataset) -> Inputs:
    return torch.from_numpy(data.flux), torch.from_numpy(data.masks())
