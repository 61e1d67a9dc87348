"""What machine code is made for: the processor's level, the width of its vectors, how many of them it holds.

``EVERYSTEP_TARGET`` (avx512, avx2, portable or neon) takes the place of what the processor would get by itself,
for instance to test the portable path on a new machine. ``neon`` can be emitted anywhere and runs on ARM only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from llvmlite import binding

from everystep.errors import EngineError, unknown

VARIABLE = "EVERYSTEP_TARGET"
_X86, _ARM = "x86_64", "aarch64"
_ARCHITECTURES = {"amd64": _X86, "x86-64": _X86, "arm64": _ARM}  # names that mean another's
_BYTES = {"float": 4, "double": 8, "float32": 4, "float64": 8}


@dataclass(frozen=True)
class Target:
    """One kind of machine code.

    Attributes:
        name: avx512, avx2, portable or neon.
        triple: Architecture and operating system, as LLVM writes them.
        cpu: LLVM's name of the processor or level.
        features: What to add to the level and to take from it, as LLVM writes it.
        vector_bytes: Of one vector register.
        registers: How many of them there are.
        fused: Whether a * b + c is one instruction with one rounding.
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    fused: bool

    def width(self, dtype: str) -> int:
        """How many numbers of a type (float or float32, double or float64) a vector holds."""
        return self.vector_bytes // _BYTES[dtype]

    @property
    def instructions(self) -> frozenset[str]:
        """What there is beyond the plainest instructions: ``fma``, ``avx512``."""
        return frozenset({"fma"} if self.fused else ()) | ({"avx512"} & {self.name})

    def machine(self) -> binding.TargetMachine:
        """A new code generator for this target. One that an engine was made with belongs to that engine."""
        # Always ELF, the only format that LLVM's loader takes on every system, so that there is one to check. Code and
        # constants are loaded side by side (see build.py), so the small model's addresses relative to the code reach.
        _initialized()
        elf = binding.get_object_format(self.triple) == "ELF"
        target = binding.Target.from_triple(self.triple if elf else f"{self.triple}-elf")
        return target.create_target_machine(self.cpu, self.features, opt=3, reloc="pic", codemodel="small")


def host() -> Target:
    """What this process compiles for: the widest that the processor has, unless ``EVERYSTEP_TARGET`` names one.

    Returns:
        The target.

    Raises:
        UnknownNameError: The variable names no target.
        EngineError: The variable names one that this processor can't run.
    """
    asked = os.environ.get(VARIABLE, "")
    if not asked:
        return named(_best())
    target = named(asked)
    if not runs(target):
        raise EngineError(
            f"{VARIABLE}={asked}: this processor ({_host_cpu()}) can't run it; "
            f"unset {VARIABLE}, or set it to {_best()} or portable."
        )
    return target


@cache
def named(name: str) -> Target:
    """The target of a name, whether this processor can run it or not.

    Args:
        name: avx512, avx2, portable or neon.

    Raises:
        UnknownNameError: There is none of this name.
    """
    if name == "portable":  # whatever the architecture always has; two roundings, as not every one can fuse
        return Target(name, _host_triple(), "x86-64" if _architecture() == _X86 else "generic", "", 16, 16, fused=False)
    if name not in _LEVELS:
        raise unknown(VARIABLE, "target", name, [*_LEVELS, "portable"])
    return Target(name, _triple(_LEVELS[name].architecture), *_LEVELS[name].code)


def runs(target: Target) -> bool:
    """Whether this processor has what code for the target uses."""
    if target.triple.split("-")[0] != _host_triple().split("-")[0]:
        return False
    return target.name == "portable" or _LEVELS[target.name].needs <= _host_features()


@dataclass(frozen=True)
class _Level:
    architecture: str
    needs: frozenset[str]  # features of the processor
    code: tuple[str, str, int, int, bool]  # cpu, features, vector_bytes, registers, fused


_AVX2 = frozenset({"avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe", "popcnt"})
_AVX512 = _AVX2 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_LEVELS = {  # the widest first
    # LLVM keeps to 256 bits at this level unless told otherwise, for the sake of processors of 2017
    "avx512": _Level(_X86, _AVX512, ("x86-64-v4", "-prefer-256-bit", 64, 32, True)),
    "avx2": _Level(_X86, _AVX2, ("x86-64-v3", "", 32, 16, True)),
    "neon": _Level(_ARM, frozenset(), ("generic", "+neon", 16, 32, True)),
}


@cache
def _initialized() -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


@cache
def _host_features() -> frozenset[str]:
    return frozenset(name for name, present in binding.get_host_cpu_features().items() if present)


@cache
def _host_cpu() -> str:
    return binding.get_host_cpu_name()


@cache
def _host_triple() -> str:
    return binding.get_process_triple()


def _architecture() -> str:
    first = _host_triple().split("-")[0]
    return _ARCHITECTURES.get(first, first)


def _triple(architecture: str) -> str:
    return _host_triple() if architecture == _architecture() else f"{architecture}-unknown-linux-gnu"


@cache
def _best() -> str:
    here = (name for name, level in _LEVELS.items() if level.architecture == _architecture())
    return next((name for name in here if runs(named(name))), "portable")
