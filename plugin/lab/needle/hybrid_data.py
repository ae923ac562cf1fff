"""Samples of the hybrid network, drawn once and kept beside the run: semi-real images with real light curves."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from models.domain import NEEDLE_CLASSES
from models.needle.hybrid.inputs import Images, Samples, concatenate
from models.needle.hybrid.model import VARIANTS
from models.needle.images.quality import load as load_checker
from models.training.needle.examples import Labelled, fit_all
from models.training.needle.hybrid_examples import Galaxies, HybridRules, Seen, as_it_was, drawn, real, up_sampled
from models.training.needle.semireal import Field
from plugin.lab.needle.data import NeedleData, folds
from plugin.lab.needle.fields import TEST, by_band, radii, read_fields
from plugin.ops.progress import progress

FOLDS: Final = 10
CHUNK: Final = 100
"""Samples drawn between two signs of life."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRules:
    """Numbers of everything.

    Parameters
    ----------
    examples : HybridRules
        Of training.
    validation_epochs, test_epochs : int
        Of each object, at most.
    """

    examples: HybridRules
    validation_epochs: int = 2
    test_epochs: int = 4
    seed: int = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Samples with masked images, and the same images not masked."""

    samples: Samples
    plain: Images

    def shown(self, masking: bool) -> Samples:
        """The samples with one of the two kinds of images."""
        if masking:
            return self.samples
        columns = {name: getattr(self.samples, name) for name in Samples.__dataclass_fields__}
        return Samples(**{**columns, "images": self.plain})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All of one variant: `TH` with galaxies, `T` without."""

    real: Part
    up: Part
    validation: Part


class Drawing(Protocol):
    """Where a training gets its samples: `Source`, or `real_stamps.RealSource`."""

    data: NeedleData
    rules: SampleRules
    fields: Sequence[Field]

    @property
    def images(self) -> str:
        """`semi-real` or `real`."""

    def training(self, variant: str) -> Parts:
        """Training and validation samples of one variant."""


class Source:
    """Draws samples from the data folder.

    Parameters
    ----------
    data : NeedleData
        Objects by split.
    folder : Path
        With `ztf/alerts` and `ztf/hosts.parquet`.
    """

    images: Final[str] = "semi-real"

    def __init__(self, data: NeedleData, folder: Path, rules: SampleRules, tell: Tell = lambda _: None) -> None:
        self.data, self.rules = data, rules
        self.fold = folds(data.develop, FOLDS, seed=rules.seed)
        known = {o.object_id: f for o, f in zip(data.develop, self.fold, strict=True)}
        known |= {o.object_id: TEST for o in data.test}
        self.fields: Sequence[Field] = read_fields(folder, load_checker(), known, FOLDS)
        self.radii = radii(folder)
        tell(f"{len(self.fields)} real fields, {sum(f.fold == TEST for f in self.fields)} of them for the test alone")

    def training(self, variant: str) -> Parts:
        """Training and validation samples; a validation sample lies in a field of its own fold."""
        objects, rules = self.data.develop, self.rules.examples
        galaxies = Galaxies(objects, self.fold, self.radii) if variant == "TH" else None
        rng = np.random.default_rng([self.rules.seed, VARIANTS.index(variant)])
        every = range(len(objects))
        others = [f for f in self.fields if f.fold != TEST]
        rare = [o for o in objects if o.label > 0]
        fits = dict(fit_all(rare, rules.early))
        up = [
            seen
            for label in range(1, len(NEEDLE_CLASSES))
            for seen in up_sampled(objects, every, label, rules.up_samples, rules, galaxies, rng, fits=fits)
        ]
        parts = {
            "real": self._drawn(variant, real(objects, every, rules, galaxies, rng), self.fold, others, rng, turn=True),
            "up": self._drawn(variant, up, self.fold, others, rng, turn=True),
        }
        held_out = []
        for k in range(FOLDS):
            index = [i for i in every if self.fold[i] == k and _answered_by(variant, objects[i])]
            seen = as_it_was(objects, index, self.rules.validation_epochs, rules, galaxies, rng)
            fields = [f for f in others if f.fold == k]
            held_out.append(self._drawn(variant, seen, self.fold, fields, rng, turn=False))
        validation = joined(held_out)
        return Parts(**parts, validation=validation)

    def test(self, variant: str) -> Part:
        """Test samples: `TH` of objects with a galaxy, `T` of the others, in fields of the test alone."""
        objects = self.data.test
        fold = [TEST] * len(objects)
        galaxies = Galaxies(objects, fold, self.radii) if variant == "TH" else None
        rng = np.random.default_rng([self.rules.seed, 100 + VARIANTS.index(variant)])
        index = [i for i, o in enumerate(objects) if o.survey and hosted(o) == (variant == "TH")]
        seen = as_it_was(objects, index, self.rules.test_epochs, self.rules.examples, galaxies, rng)
        return self._drawn(variant, seen, fold, [f for f in self.fields if f.fold == TEST], rng, turn=False)

    def _drawn(
        self,
        variant: str,
        seen: Sequence[Seen],
        fold: Sequence[int],
        fields: list[Field],
        rng: np.random.Generator,
        *,
        turn: bool,
    ) -> Part:
        parts = []
        with progress(f"{variant} images", len(seen)) as advance:
            for start in range(0, max(len(seen), 1), CHUNK):
                some = seen[start : start + CHUNK]
                samples, plain = drawn(some, fold, by_band(fields), rng, turn=turn)
                parts.append(Part(samples=samples, plain=plain))
                advance(len(some))
        return joined(parts)


def hosted(one: Labelled) -> bool:
    """Whether the `TH` model answers for an object."""
    return one.host is not None


def _answered_by(variant: str, one: Labelled) -> bool:
    """Objects a variant is validated on: those it will answer for; rare ones without their galaxies by `T`, too."""
    return one.survey and (hosted(one) == (variant == "TH") or (variant == "T" and one.label > 0))


def joined(parts: Sequence[Part]) -> Part:
    """All samples of several parts."""
    return Part(samples=concatenate([p.samples for p in parts]), plain=np.concatenate([p.plain for p in parts]))


def kept(source: Drawing, variant: str, out: Path) -> Parts:
    """`Source.training`, from the files of an earlier call if rules and objects are the same."""
    text = json.dumps([asdict(source.rules), source.data.splits_hash, len(source.data.develop)], sort_keys=True)
    path = out / f"samples-{variant}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            return Parts(**{name: _unpacked(name, dict(file)) for name in Parts.__dataclass_fields__})
    parts = source.training(variant)
    packed: dict[str, Any] = {
        k: v for name in Parts.__dataclass_fields__ for k, v in _packed(name, getattr(parts, name)).items()
    }
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, allow_pickle=False, **packed)
    partial.replace(path)
    return parts


def _packed(name: str, part: Part) -> dict[str, np.ndarray]:
    columns = {f"{name}.{column}": getattr(part.samples, column) for column in Samples.__dataclass_fields__}
    return {**columns, f"{name}.plain": part.plain}


def _unpacked(name: str, file: dict[str, np.ndarray]) -> Part:
    columns = {column: file[f"{name}.{column}"] for column in Samples.__dataclass_fields__}
    return Part(samples=Samples(**columns), plain=file[f"{name}.plain"])
