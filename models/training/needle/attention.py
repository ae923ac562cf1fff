"""Where the network looks (NEEDLE paper, Sec. 3.5): class activation maps of the final convolution.

Each map of the final convolution is weighted by how much the class's logit grows with it (the mean gradient), the sum
is cut at zero and brought to the size of the image.
"""

import numpy as np
import torch
from torch.nn import functional as F

from models.needle.hybrid.inputs import Images
from models.needle.hybrid.net import HybridNet
from models.needle.images.stamps import CENTER, SIZE
from models.needle.lightcurves.lightcurve import Floats


def heat_maps(net: HybridNet, images: Images, x: Floats, label: np.ndarray) -> Floats:
    """Attention for one class in each image.

    Parameters
    ----------
    images : ndarray, shape (n, 2, 60, 60)
    x : ndarray, shape (n, features)
        The network's own features.
    label : ndarray of int, shape (n,)
        Which class is asked about.

    Returns
    -------
    ndarray, shape (n, 60, 60)
        0 to 1 in each image; zero all over where nothing speaks for the class.
    """
    maps = net.maps(torch.from_numpy(images).float()).detach().requires_grad_(True)
    logits = net.answer(maps, torch.from_numpy(x.astype(np.float32)))
    (gradient,) = torch.autograd.grad(logits.gather(1, torch.from_numpy(label)[:, None]).sum(), maps)
    heat = F.relu((gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True))
    grown = F.interpolate(heat.detach(), size=(SIZE, SIZE), mode="bilinear", align_corners=False)[:, 0]
    return (grown / grown.amax((1, 2), keepdim=True).clamp_min(1e-9)).numpy().astype(float)


def share_near(heat: Floats, radius_pixels: float) -> Floats:
    """Share of each map's attention within a radius of the transient, shape (n,); NaN for empty maps."""
    y, x = np.indices((SIZE, SIZE)) - CENTER
    near = np.hypot(y, x) <= radius_pixels
    total = heat.sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(heat[:, near].sum(1) / total)
