"""AdamW for vectors, Muon for matrices: what steps the weights of a training run.

Beyond the paper, which has AdamW for all. Muon (Jordan et al. 2024, `torch.optim.Muon`) replaces the momentum of a
matrix by the nearest orthogonal one, so that every direction of a layer learns at the same pace.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

SMALLEST = 32
"""Rows and columns of the matrices that Muon is for; thin ones (first and last layers, heads) are vectors to it."""


class Optimizer:
    """Steps every parameter once, by one of the two methods.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        Convolutions in channels-last memory, as `ASTRANet` has them.
    matrix_rate : float
        Rate of Muon as a multiple of AdamW's; 0: AdamW for all, as in the paper.
    precision : torch.dtype
        What Muon's products are computed in: the library always takes bfloat16, which a processor may have to emulate.

    Raises
    ------
    ValueError
        If a convolution lies in another order in memory: its steps would be lost.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        rate: float,
        decay: float,
        matrix_rate: float,
        precision: torch.dtype = torch.bfloat16,
    ) -> None:
        self.parameters = list(parameters)
        self.matrix_rate = matrix_rate
        matrices = [p for p in self.parameters if matrix_rate and _is_matrix(p)]
        taken = {id(p) for p in matrices}
        rest = [p for p in self.parameters if id(p) not in taken]
        self.vectors = torch.optim.AdamW(rest, lr=rate, weight_decay=decay)
        # The library takes matrices alone: each is given as a view of the same memory.
        self.pairs = [(p, nn.Parameter(_flat(p.detach()))) for p in matrices]
        if any(p.data_ptr() != view.data_ptr() for p, view in self.pairs):
            raise ValueError("a convolution is not in channels-last memory")
        method = torch.optim.Muon if precision == torch.bfloat16 else Float32Muon
        self.matrices = method([v for _, v in self.pairs], lr=rate, weight_decay=decay) if matrices else None

    def step(self, rate: float) -> None:
        """Move all parameters along their gradients, which are then forgotten."""
        for group in self.vectors.param_groups:
            group["lr"] = rate
        self.vectors.step()
        if self.matrices is not None:
            for group in self.matrices.param_groups:
                group["lr"] = rate * self.matrix_rate
            for p, view in self.pairs:
                view.grad = None if p.grad is None else _flat(p.grad)
            self.matrices.step()
        for p in self.parameters:
            p.grad = None

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """What both remember, named for a checkpoint."""
        for name, optimizer in self._both():
            for i, state in optimizer.state_dict()["state"].items():
                yield from ((f"{name}.{i}.{k}", torch.as_tensor(v)) for k, v in state.items())

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` gave."""
        for name, optimizer in self._both():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                if key.startswith(name + "."):
                    _, i, what = key.split(".")
                    state.setdefault(int(i), {})[what] = value.cpu() if what == "step" else value
            optimizer.load_state_dict(optimizer.state_dict() | {"state": state})

    def _both(self) -> Iterator[tuple[str, torch.optim.Optimizer]]:
        yield "adam", self.vectors
        if self.matrices is not None:
            yield "muon", self.matrices


class Float32Muon(torch.optim.Muon):
    """Muon for processors without bfloat16: the library's steps with the products in float32."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every matrix once along its orthogonalised momentum."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                momentum = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
                momentum.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
                p.mul_(1 - group["lr"] * group["weight_decay"])
                ratio = max(1.0, p.shape[0] / p.shape[1]) ** 0.5
                p.add_(_orthogonal(update, group), alpha=-group["lr"] * ratio)


def _orthogonal(matrix: Tensor, group: dict[str, Any]) -> Tensor:
    """Five Newton-Schulz steps towards the nearest orthogonal matrix (Jordan et al. 2024)."""
    a, b, c = group["ns_coefficients"]
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def _is_matrix(p: nn.Parameter) -> bool:
    return p.ndim >= 2 and min(len(p), p[0].numel()) >= SMALLEST


def _flat(p: Tensor) -> Tensor:
    """(outputs, everything else): the same memory for a linear layer and a channels-last convolution."""
    return p if p.ndim == 2 else p.permute(0, 2, 3, 1).reshape(len(p), -1)
