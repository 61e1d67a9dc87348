"""From LLVM's text to code that can be called, each module once: remembered in the process and on the disk.

``EVERYSTEP_SHOW`` containing ``llvm`` prints the text of every module to stderr as it is compiled; then nothing is
taken from the disk, so that there is something to see.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import llvmlite
from llvmlite import binding, ir

from everystep.compiler.show import is_shown
from everystep.engines.llvm import cache as disk
from everystep.engines.llvm.elf import symbols
from everystep.engines.llvm.target import Target
from everystep.errors import EngineError

REMEMBERED = 512  # modules; one is some 100 kB
_ROOM = Path(__file__).parent
_EMITTERS = (_ROOM.parents[1] / "compiler", _ROOM)  # what writes the text: another text needs another key
_built: OrderedDict[str, Built] = OrderedDict()
_one_at_a_time = threading.RLock()

Entry: TypeAlias = Callable[..., None]


class Built:
    """Machine code in memory, for as long as this object, or an entry of it, is held.

    Args:
        code: An object file made by :func:`emit` for this processor.
        target: What it was made for.

    Raises:
        EngineError: The code would need something from outside, or can't be loaded.
    """

    def __init__(self, code: bytes, target: Target) -> None:
        self._names = _closed(code).defined
        # With llvmlite's own memory manager all sections lie side by side, within reach of relative addresses.
        try:
            self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target.machine(), use_lmm=True)
        except RuntimeError as cause:
            raise EngineError(f"llvm: no code can be loaded here for {target.name}: {cause}") from cause
        self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function begins.

        Raises:
            EngineError: There is none of this name.
        """
        if name not in self._names:  # LLVM would end the process
            raise EngineError(f"llvm: no function {name} in this code; it has {', '.join(sorted(self._names))}.")
        return self._engine.get_function_address(name)

    def entry(self, name: str, *arguments: Any) -> Entry:
        """A function that returns nothing, to be called from Python; other threads run meanwhile.

        Args:
            name: Its name.
            arguments: Its ctypes argument types.

        Raises:
            EngineError: There is none of this name.
        """
        function: Any = ctypes.CFUNCTYPE(None, *arguments)(self.address(name))
        function.built = self  # keeps the code in memory
        return function


def build(key: str | bytes, make: Callable[[], ir.Module], target: Target) -> Built:
    """Compile a module, or find it compiled.

    Args:
        key: Describes the content wholly, but for the target, LLVM's version and the code that emits: those are added.
        make: Makes the module; called only if it must be compiled.
        target: What to compile for.

    Returns:
        The code, ready to be called.

    Raises:
        EngineError: The code would need something from outside, or this processor can't run it.
    """
    full = _full_key(key, target)
    with _one_at_a_time:
        if full not in _built:
            _built[full] = _loaded(full, target) or _compiled(full, make, target)
            while len(_built) > REMEMBERED:
                _built.popitem(last=False)
        _built.move_to_end(full)
        return _built[full]


def emit(module: ir.Module, target: Target) -> bytes:
    """Make an object file of a module; any target will do, also one that does not run here.

    Args:
        module: The text; its triple and data layout are set.
        target: What to make code for.

    Returns:
        An ELF object file.

    Raises:
        EngineError: LLVM refuses the text, or the code would need something from outside.
    """
    machine = target.machine()
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    text = str(module)
    if is_shown("llvm"):
        print(text, file=sys.stderr)
    try:
        parsed = binding.parse_assembly(text)
        parsed.verify()
    except RuntimeError as cause:
        raise EngineError(f"llvm: refuses the text of {module.name or 'a module'}: {cause}") from cause
    code = machine.emit_object(parsed)
    _closed(code)
    return code


def _closed(code: bytes) -> Any:
    names = symbols(code)
    if names.undefined:
        raise EngineError(
            f"llvm: code would call {', '.join(sorted(names.undefined))}; "
            "compiled code calls nothing outside, so write it with instructions."
        )
    return names


def _compiled(full: str, make: Callable[[], ir.Module], target: Target) -> Built:
    code = emit(make(), target)
    disk.store(full, code)
    return Built(code, target)


def _loaded(full: str, target: Target) -> Built | None:
    code = None if is_shown("llvm") else disk.load(full)
    try:
        return Built(code, target) if code else None
    except EngineError:  # not what we would have written: compile it
        return None


def _full_key(key: str | bytes, target: Target) -> str:
    parts = [key.encode() if isinstance(key, str) else key, repr(target).encode(), _WORLD]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "little") + part for part in parts)).hexdigest()


def _hash_of_world() -> bytes:
    """What the same content might compile differently with. Read at import, as the emitters are."""
    digest = hashlib.sha256(f"{llvmlite.__version__} {binding.llvm_version_info}".encode())
    for file in sorted(file for room in _EMITTERS for file in room.rglob("*.py*") if file.parent.name != "__pycache__"):
        source = file.read_bytes()
        digest.update(f"{file.name} {len(source)} ".encode() + source)
    return digest.digest()


_WORLD = _hash_of_world()


def _fork_between_builds() -> None:
    """A fork waits for a compilation under way: in the child nobody would release LLVM's locks, or ours."""
    if hasattr(os, "register_at_fork"):
        release = _one_at_a_time.release
        os.register_at_fork(before=_one_at_a_time.acquire, after_in_parent=release, after_in_child=release)


_fork_between_builds()
