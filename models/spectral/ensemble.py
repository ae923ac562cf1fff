"""Several networks as one: every member's answer and their two-stage mean (ASTRANet paper, Sec. IV B and App. G)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.spectral.instruments import instrument_number
from models.spectral.net import ASTRANet, NetConfig
from models.spectral.prepare import Prepared
from models.spectral.readout import Readout
from models.spectral.stacked import Stacked, Told

UNCHANGED = Readout()
BATCH: Final = 16
"""Rows of every pass on a graphics card, the last one padded: sums of other shapes differ in the last bit, and an
answer must not depend on what else was asked at the same time. On a CPU each is alone (`models.spectral.stacked`)."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known besides the flux; all of it optional."""

    phase_days: float | None = None
    redshift: float | None = None
    instrument: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One trained network and where it comes from."""

    net: ASTRANet
    seed: int
    kind: str


@dataclass(frozen=True, kw_only=True)
class EnsemblePrediction:
    """What an ensemble says about n spectra; first axis of the member arrays is the member.

    Parameters
    ----------
    member_fine : ndarray, shape (members, n, 7)
    member_coarse : ndarray, shape (members, n, 3)
    member_logits : ndarray, shape (members, n, 7)
        Fine logits before the readout.
    member_embedding : ndarray, shape (members, n, 192)
    member_projection : ndarray, shape (members, n, 128)
        Fine contrastive projection, unit length.
    member_texture : tuple of ndarray, each of shape (n, t)
        See `models.spectral.net.texture`; `t` is the network's own.
    seeds : tuple of int, length members
    """

    member_fine: NDArray[np.float64]
    member_coarse: NDArray[np.float64]
    member_logits: NDArray[np.float64]
    member_embedding: NDArray[np.float64]
    member_projection: NDArray[np.float64]
    member_texture: tuple[NDArray[np.float64], ...]
    seeds: tuple[int, ...]

    @cached_property
    def fine(self) -> NDArray[np.float64]:
        """Fine probabilities: mean within each seed, then across seeds; shape (n, 7)."""
        return within_then_across(self.member_fine, self.seeds)

    @cached_property
    def coarse(self) -> NDArray[np.float64]:
        """Coarse probabilities, averaged in the same way; shape (n, 3)."""
        return within_then_across(self.member_coarse, self.seeds)

    @cached_property
    def embedding(self) -> NDArray[np.float64]:
        """Embeddings, averaged in the same way; shape (n, 192)."""
        return within_then_across(self.member_embedding, self.seeds)

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation of each fine probability over the members (Eq. 5); zero for one member."""
        if len(self.seeds) < 2:
            return np.zeros_like(self.fine)
        return self.member_fine.std(axis=0, ddof=1)

    def rows(self, where: NDArray[np.bool_]) -> "EnsemblePrediction":
        """The same about some of the spectra."""
        return EnsemblePrediction(
            **{name: getattr(self, name)[:, where] for name in STACKED},
            member_texture=tuple(t[where] for t in self.member_texture),
            seeds=self.seeds,
        )

    @classmethod
    def joined(cls, parts: Sequence["EnsemblePrediction"]) -> "EnsemblePrediction":
        """What the same members say about several sets of spectra, as about one; at least one set."""
        textures = zip(*(p.member_texture for p in parts), strict=True)
        return cls(
            **{name: np.concatenate([getattr(p, name) for p in parts], axis=1) for name in STACKED},
            member_texture=tuple(np.concatenate(column) for column in textures),
            seeds=parts[0].seeds,
        )


STACKED = tuple(f.name for f in fields(EnsemblePrediction) if f.name not in ("member_texture", "seeds"))
"""The arrays whose first axis is the member; textures have a width of their own."""


def within_then_across(values: NDArray[np.float64], seeds: Sequence[int]) -> NDArray[np.float64]:
    """Mean over the members of each seed, then over seeds; first axis of `values` is the member."""
    return np.mean([np.mean([v for v, s in zip(values, seeds, strict=True) if s == seed], axis=0) for seed in
                    dict.fromkeys(seeds)], axis=0)  # fmt: skip


class Ensemble:
    """The members of a bundle, ready to answer. Safe to share between threads: answering changes nothing.

    Parameters
    ----------
    members : sequence of Member
        At least one.
    readout : Readout
        From every member's fine logits to its probabilities.
    device : str
        `cpu` or `cuda`.
    """

    def __init__(self, members: Sequence[Member], *, readout: Readout = UNCHANGED, device: str = "cpu") -> None:
        if not members:
            raise ValueError("an ensemble needs at least one member")
        self.members = tuple(members)
        self.readout = readout
        self.device = torch.device(device)
        for member in self.members:
            member.net.to(self.device).eval().requires_grad_(False)

    @cached_property
    def _passes(self) -> "Passes":
        """Made when the first answer is asked for: whoever only reads the members needs no second copy of them."""
        if self.device.type == "cpu" and all(type(m.net) is ASTRANet for m in self.members):
            return _stacked(self.members)
        return _one_by_one(self.members, self.device)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seed of each member."""
        return tuple(m.seed for m in self.members)

    def predict(self, prepared: Sequence[Prepared], metadata: Sequence[Metadata] | None = None) -> EnsemblePrediction:
        """Answer for some spectra in one pass of every member.

        Parameters
        ----------
        prepared : sequence of Prepared, length n
            May be empty.
        metadata : sequence of Metadata, length n, optional
            Nothing is known of any spectrum when left out.
        """
        metadata = metadata if metadata is not None else [Metadata()] * len(prepared)
        flux = torch.from_numpy(np.stack([p.flux for p in prepared])) if prepared else torch.zeros(0, 4096)
        mask = torch.from_numpy(np.stack([p.mask for p in prepared])) if prepared else torch.zeros(0, 4096)
        values, valid = encode(metadata)
        return self.predict_arrays(flux, mask, values, valid)

    @torch.inference_mode()
    def predict_arrays(self, flux: Tensor, mask: Tensor, values: Tensor, valid: Tensor) -> EnsemblePrediction:
        """The same from tensors of shape (n, 4096) and (n, 3)."""
        outputs = self._passes(flux.float(), mask.float(), values.float(), valid.float())

        def stacked(parts: Iterable[Tensor]) -> NDArray[np.float64]:
            return torch.stack([p.double() for p in parts]).numpy()

        return EnsemblePrediction(
            member_fine=np.stack([self.readout(o.fine_logits.numpy()) for o in outputs]),
            member_coarse=stacked(o.coarse_logits.double().softmax(-1) for o in outputs),
            member_logits=stacked(o.fine_logits for o in outputs),
            member_embedding=stacked(o.embedding for o in outputs),
            member_projection=stacked(o.fine_projection for o in outputs),
            member_texture=tuple(o.texture.double().numpy() for o in outputs),
            seeds=self.seeds,
        )


Passes = Callable[[Tensor, Tensor, Tensor, Tensor], "list[Told]"]


def _stacked(members: Sequence[Member]) -> Passes:
    """All members of one architecture at once, one spectrum at a time."""
    alike: dict[NetConfig, list[int]] = {}
    for i, member in enumerate(members):
        alike.setdefault(member.net.config, []).append(i)
    stacks = [(own, Stacked([members[i].net for i in own])) for own in alike.values()]

    def passes(*inputs: Tensor) -> list[Told]:
        found = {i: told for own, stack in stacks for i, told in zip(own, stack(*inputs), strict=True)}
        return [found[i] for i in range(len(members))]

    return passes


def _one_by_one(members: Sequence[Member], device: torch.device) -> Passes:
    """One member after the other, in batches of one size."""

    def member_pass(net: ASTRANet, inputs: Sequence[Tensor]) -> Told:
        n, parts = len(inputs[0]), []
        for i in range(0, max(n, 1), BATCH):
            output = net(*(_padded(t[i : i + BATCH], BATCH).to(device) for t in inputs))
            parts.append(Told(*(getattr(output, name).cpu() for name in Told._fields)))
        return Told(*(torch.cat(column)[:n] for column in zip(*parts, strict=True)))

    return lambda *inputs: [member_pass(m.net, inputs) for m in members]


def encode(metadata: Sequence[Metadata]) -> tuple[Tensor, Tensor]:
    """Values and validity of (phase, redshift, instrument), each of shape (n, 3)."""
    table = np.array(
        [(m.phase_days, m.redshift, instrument_number(m.instrument)) for m in metadata], dtype=float
    ).reshape(-1, 3)
    valid = np.isfinite(table)
    return torch.tensor(np.nan_to_num(table), dtype=torch.float32), torch.tensor(valid, dtype=torch.float32)


def _padded(rows: Tensor, size: int) -> Tensor:
    missing = size - len(rows)
    return rows if not missing else torch.cat([rows, rows.new_zeros(missing, rows.shape[1])])
