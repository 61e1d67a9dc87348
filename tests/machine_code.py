"""Emitted functions as functions of Python, and arrays with a fence at either end."""

from __future__ import annotations

import ctypes
import mmap
from typing import NamedTuple

import numpy as np
from llvmlite import binding, ir

from everystep.engines.llvm.target import Target, named, runs
from everystep.engines.llvm.vectors import Vectors

NAMES = ("avx512", "avx2", "neon", "portable")
HERE = [name for name in NAMES if runs(named(name))]


def vectors_for(name: str, dtype: str) -> Vectors:
    """Vectors of a target in a module of their own."""
    target = named(name)
    module = ir.Module()
    module.triple = target.triple
    return Vectors(module, dtype, target.width(dtype), target.instructions)


class Code(NamedTuple):
    """A compiled module."""

    engine: binding.ExecutionEngine

    def __call__(self, function: ir.Function, *args: np.ndarray | int) -> None:
        """Runs a function on arrays, whose first elements' addresses it gets, and integers."""
        kinds = [ctypes.c_void_p if isinstance(arg, np.ndarray) else ctypes.c_int64 for arg in args]
        entry = ctypes.CFUNCTYPE(None, *kinds)(self.engine.get_function_address(function.name))
        entry(*(arg.ctypes.data if isinstance(arg, np.ndarray) else arg for arg in args))


def compiled(vectors: Vectors, target: Target) -> Code:
    """A module's code; all of its functions can be called from here."""
    for function in vectors.module.functions:
        function.linkage = ""
    machine = target.machine()
    module = binding.parse_assembly(str(vectors.module))
    module.verify()
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return Code(engine)


def fenced(values: np.ndarray) -> np.ndarray:
    """The same numbers in memory of their own, which ends where the process may not read."""
    size, page = max(values.nbytes, 1), mmap.PAGESIZE
    body = -(-size // page) * page
    memory = mmap.mmap(-1, body + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if hasattr(mmap, "PROT_READ"):
        for fence in (start, start + page + body):
            assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(page), 0) == 0
    result = np.frombuffer(memory, values.dtype, values.size, page + body - values.nbytes).reshape(values.shape)
    result[...] = values
    return result
