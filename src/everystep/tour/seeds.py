"""Several starts of one small network, trained side by side.

With hidden size 1 a step costs the same for one network as for eight, so the eight are stacked and every operation
runs on all of them. Nothing passes between them: gradients are clipped network by network, and Adam's step is
elementwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from everystep.unroll import use_engine

Batch = tuple[Tensor, Tensor]


def train_seeds(
    make: Callable[[], nn.Module], batch: Callable[[torch.Generator], Batch], *, seeds: int, steps: int, rate: float
) -> list[nn.Module]:
    """Train one network from each of several seeds by Adam on the mean squared error.

    All see the same batches. The learning rate rises for a tenth of the steps and falls to zero (one cycle).

    Args:
        make: Builds a network; called once a seed, after ``torch.manual_seed``.
        batch: Draws (x, target).
        seeds: How many, 1 or more: seeds 0, 1, 2 ...
        steps: Steps of Adam.
        rate: Highest learning rate.

    Returns:
        The trained networks, in the order of their seeds.
    """
    networks = [_seeded(make, seed) for seed in range(seeds)]
    stacked = stack_module_state(networks)[0]
    # functional_call puts parameters in, for which one network is as good as another
    losses = vmap(grad_and_value(_loss_of(networks[0])), in_dims=(0, None, None))
    adam = torch.optim.Adam(stacked.values(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, rate, total_steps=steps, pct_start=0.1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        with use_engine("reference"):  # vmap is not compiled
            gradients, _ = losses(stacked, *batch(generator))
        for name, gradient in _clipped(gradients).items():
            stacked[name].grad = gradient
        adam.step()
        schedule.step()
    for place, network in enumerate(networks):
        network.load_state_dict({name: value[place].detach() for name, value in stacked.items()})
    return networks


def best_of(networks: Sequence[nn.Module], x: Tensor, target: Tensor) -> tuple[int, list[float]]:
    """Pick the network with the smallest loss on validation data.

    Returns:
        Its place, and the losses of all.
    """
    with torch.no_grad():
        losses = [(network(x) - target).square().mean().item() for network in networks]
    return min(range(len(losses)), key=losses.__getitem__), losses


def _seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return make()


def _loss_of(network: nn.Module) -> Callable[..., Tensor]:
    def loss(parameters: dict[str, Any], x: Tensor, target: Tensor) -> Tensor:
        return (functional_call(network, parameters, (x,)) - target).square().mean()

    return loss


def _clipped(gradients: dict[str, Tensor], largest: float = 1.0) -> dict[str, Tensor]:
    """Scale each network's gradient as ``clip_grad_norm_`` would; the first axis is the network."""
    squares = [gradient.flatten(1).square().sum(1) for gradient in gradients.values()]
    shrink = (largest / (torch.stack(squares).sum(0).sqrt() + 1e-6)).clamp(max=1.0)  # (networks,)
    return {name: g * shrink.reshape(-1, *[1] * (g.ndim - 1)) for name, g in gradients.items()}
