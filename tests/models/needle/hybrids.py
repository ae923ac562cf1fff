"""A tiny untrained hybrid model on disk, and made-up objects for it."""

import numpy as np
import torch
from safetensors.torch import save_file

from models.bundle import write_card, write_member
from models.domain import NEEDLE_CLASSES, Host, LightCurve
from models.needle.hybrid.inputs import FEATURES, NAMES, Samples, object_weights
from models.needle.hybrid.model import CALIBRATION, NOTES, PREFERENCES, VARIANTS
from models.needle.hybrid.net import PRESETS, HybridNet
from models.training.needle.examples import Labelled
from models.training.needle.semireal import Field
from tests.models.needle.stamps import sky, star

TINY = PRESETS["tiny"]


def net(variant="TH", seed=0, config=TINY):
    torch.manual_seed(seed)
    n = len(FEATURES[variant])
    return HybridNet(config, [0.0] * n, [1.0] * n, [1.0] * n).eval()


def write_model(folder, config=TINY, **changed):
    folder.mkdir()
    keys = [f"{v}.{p}" for v in VARIANTS for p in PREFERENCES]
    for key in keys:
        write_member(net(key.split(".")[0], config=config).state_dict(), folder / f"{key}.safetensors")
    rng = np.random.default_rng(0)
    held_out = {}
    for key in keys:
        held_out[f"{key}.probabilities"] = torch.from_numpy(rng.dirichlet(np.ones(3), 60).astype(np.float32))
        held_out[f"{key}.label"] = torch.arange(60, dtype=torch.int8) % 3
    save_file(held_out, folder / CALIBRATION)
    card = {
        "name": "needle-hybrid-test",
        "classes": list(NEEDLE_CLASSES),
        "features": {v: list(FEATURES[v]) for v in VARIANTS},
        "net": config.to_dict(),
        "clean": {},
        "shift": {key: [0.0, 0.5, 0.0] for key in keys},
        "deployed": {key: {"configuration": "full", "fold": 0} for key in keys},
        "notes": list(NOTES),
    }
    return write_card(folder, {**card, **changed})


def curve(peak=18.5, days=20):
    mjd = np.arange(days, dtype=float)
    mag = peak + 0.01 * (mjd - days / 2) ** 2
    return LightCurve(
        mjd=mjd,
        band=tuple("gr"[i % 2] for i in range(days)),
        mag=mag,
        mag_error=np.full(days, 0.05),
        limit_mag=np.full(days, 20.5),
        is_limit=np.zeros(days),
    )


def labelled(name, label, *, redshift=0.1, host=True, kind=None, peak=18.5):
    galaxy = Host(mags={"g": 19.0 + label, "r": 18.5 + label}, separation_arcsec=1.0 + label)
    return Labelled(
        object_id=name,
        label=label,
        kind=kind or ("SN Ia", "SLSN-I", "TDE")[label],
        curve=curve(peak),
        ebv_mag=0.02,
        ra_deg=150.0,
        dec_deg=30.0,
        redshift=redshift,
        host=galaxy if host else None,
    )


def real_field(seed=1, *, fold=0, band="r"):
    return Field(
        object_id=f"field{seed}",
        band=band,
        science=sky(seed) + star(10, 12, 3000),
        reference=sky(seed + 50) + star(10, 12, 3000),
        science_zero_mag=26.2,
        reference_zero_mag=26.2,
        seeing_pixels=2.2,
        fold=fold,
    )


def samples(n=60, *, seed=0, images=None, x=None):
    rng = np.random.default_rng(seed)
    index = np.arange(n)
    return Samples(
        images=rng.normal(0, 0.2, (n, 2, 60, 60)).astype(np.float16) if images is None else images,
        x=rng.normal(size=(n, len(NAMES))) if x is None else x,
        label=index % 3,
        object_index=index,
        weight=object_weights(index),
        days=np.zeros(n),
        folds=np.column_stack([index % 10] * 3),
    )
