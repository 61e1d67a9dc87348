"""When torch's own kernel runs: where no engine of ours would, and wherever a graph of one node is worth more."""

from __future__ import annotations

import torch
from torch import Tensor

from everystep.engines.choice import AUTO, default
from everystep.unroll.choosing import serves


def is_for_torch(x: Tensor) -> bool:
    """Whether a call that asks for nothing which torch lacks goes to torch's own kernel.

    So on a device that no engine of ours serves, where torch has cuDNN or the like, and while a model is exported, so
    that a layer stays one node of the graph. Not where an engine was asked for by name.
    """
    if default() != AUTO:
        return False
    return not serves(x.device) or torch._C._get_tracing_state() is not None or torch.compiler.is_exporting()  # noqa: SLF001
