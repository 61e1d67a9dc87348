"""Layers one after another, with ordinary modules between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from everystep.cell import Cell
from everystep.engines.stepping import described
from everystep.errors import ArgumentError, StateError, counted
from everystep.layers.asked import Asked, prefixed
from everystep.layers.layer import Layer, Layered, without_padding
from everystep.layers.ways import OneWay


class Sequential(Layer):
    """Layers one after another; what one puts out the next takes in.

    Ordinary modules may stand anywhere: an embedding before, normalisation and dropout between, a readout after. They
    see zeros where no step is taken, and y is zero there whatever they make of it.

    Layers are named ``layer0``, ``layer1`` ... and ordinary modules ``module0`` ..., in paths and in ``state_dict``
    alike. The state is a tuple with one entry for each layer.

    Args:
        modules: Layers, cells (each becomes :class:`OneWay`) and ordinary modules, first to last.

    Raises:
        ArgumentError: What came is no module.

    Example:
        >>> import torch, everystep as es
        >>> from torch import nn
        >>> tagger = es.layers.Sequential(
        ...     nn.Embedding(100, 16),
        ...     es.layers.BothWays(es.cells.LSTM(16, 8), es.cells.LSTM(16, 8)),
        ...     nn.Dropout(0.1),
        ...     es.cells.GRU(16, 8),
        ...     nn.Linear(8, 5),
        ... )
        >>> out = tagger(torch.randint(100, (20, 4)), lengths=[20, 7, 0, 12], record=["layer0.reverse.forget"])
        >>> out.y.shape, out.state[1].forward.h.shape
        (torch.Size([20, 4, 5]), torch.Size([4, 8]))
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        for module in modules:
            self._append(module)
        last = next(reversed(self._modules.values()), None)
        self.output_size = last.output_size if isinstance(last, Layer) else None

    def run(self, x: Any, state: Any, asked: Asked) -> Layered:
        """Run one after another."""
        states = iter(self._states(state))
        of = asked.among(name for name, _ in self.layers())
        after, record, engines, why = [], {}, {}, {}
        for name, module in self.named_children():
            if not isinstance(module, Layer):
                x = module(without_padding(asked.used, x))
                continue
            out = module.run(x, next(states), of[name])
            x = out.y
            after.append(out.state)
            record |= prefixed(name, out.record)
            engines |= prefixed(name, out.engines)
            why |= prefixed(name, out.why)
        return Layered(without_padding(asked.used, x), tuple(after), record, engines, why)

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> tuple[Any, ...]:
        """Make the state before the first step, of every layer."""
        return tuple(layer.initial_state(batch_size, like, context) for _, layer in self.layers())

    def layers(self) -> Iterator[tuple[str, Layer]]:
        """Give the layers that have a state, by name, first to last."""
        return ((name, module) for name, module in self.named_children() if isinstance(module, Layer))

    def _append(self, module: Any) -> None:
        if isinstance(module, Cell):
            module = OneWay(module)
        if not isinstance(module, nn.Module):
            came = f"the class {module.__name__}" if isinstance(module, type) else described(module)
            raise ArgumentError(f"{type(self).__name__}: got {came}; expected layers, cells and modules.")
        kind = "layer" if isinstance(module, Layer) else "module"
        self.add_module(f"{kind}{sum(name.startswith(kind) for name in self._modules)}", module)

    def _states(self, state: Any) -> tuple[Any, ...]:
        count = len(list(self.layers()))
        if state is None:
            return (None,) * count
        if not isinstance(state, tuple) or hasattr(state, "_fields") or len(state) != count:
            raise StateError(
                f"{type(self).__name__}: state is {described(state)}; expected a tuple with one entry for each of "
                f"{counted(count, 'layer')}, as a call returns it."
            )
        return state
