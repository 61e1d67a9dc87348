"""What code is made for: by the processor, or by name."""

from __future__ import annotations

import dataclasses

import pytest
from llvmlite import binding, ir

from everystep.engines.llvm import build, target
from everystep.engines.llvm.elf import symbols
from everystep.errors import EngineError, UnknownNameError

SYSTEMS = ("unknown-linux-gnu", "pc-windows-msvc", "apple-darwin23.0.0")
MACHINES = {"x86_64": 62, "aarch64": 183}  # what an ELF header calls the architectures


def multiplying(made: target.Target) -> ir.Module:
    """A function that puts x * 3.25 + x, of one vector, in the place of x."""
    width = made.width("float32")
    module, vector = ir.Module("multiplying"), ir.VectorType(ir.FloatType(), width)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.PointerType()]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    x, three = builder.load(function.args[0], typ=vector, align=4), ir.Constant(vector, [3.25] * width)
    if made.fused:
        fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{width}f32")
        result = builder.call(fma, [x, three, x])
    else:
        result = builder.fadd(builder.fmul(x, three), x)
    builder.store(result, function.args[0], align=4)
    builder.ret_void()
    return module


@pytest.fixture
def processor(monkeypatch):
    """Make believe that the processor has these features."""

    def believe(triple, *features):
        monkeypatch.setattr(target, "_host_triple", lambda: triple)
        monkeypatch.setattr(target, "_host_features", lambda: frozenset(features))
        forget()

    def forget():
        target.named.cache_clear()
        target._best.cache_clear()

    monkeypatch.delenv(target.VARIABLE, raising=False)
    yield believe
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    ("triple", "features", "name"),
    [
        ("x86_64-unknown-linux-gnu", target._AVX512, "avx512"),
        ("x86_64-unknown-linux-gnu", target._AVX512 - {"avx512dq"}, "avx2"),
        ("amd64-unknown-freebsd14", target._AVX2, "avx2"),
        ("x86_64-unknown-linux-gnu", target._AVX2 - {"fma"}, "portable"),
        ("aarch64-unknown-linux-gnu", (), "neon"),
        ("arm64-apple-darwin23.0.0", (), "neon"),
        ("riscv64-unknown-linux-gnu", (), "portable"),
    ],
)
def test_the_widest_that_the_processor_has_is_taken(processor, triple, features, name):
    processor(triple, *features)
    assert target.host().name == name
    assert target.host().triple == triple


def test_an_override_takes_the_place_of_what_the_processor_has(processor, monkeypatch):
    processor("x86_64-unknown-linux-gnu", *target._AVX512)
    sizes = {}
    for name in ("avx512", "avx2", "portable"):
        monkeypatch.setenv(target.VARIABLE, name)
        made = target.host()
        sizes[name] = made.vector_bytes, made.registers, made.fused, made.width("float32"), made.width("float64")
    assert sizes == {
        "avx512": (64, 32, True, 16, 8),
        "avx2": (32, 16, True, 8, 4),
        "portable": (16, 16, False, 4, 2),
    }


def test_an_unknown_override_is_refused_with_the_names_there_are(monkeypatch):
    monkeypatch.setenv(target.VARIABLE, "avx51")
    with pytest.raises(UnknownNameError, match='"avx51" is unknown; did you mean "avx512"'):
        target.host()


@pytest.mark.parametrize("name", ["avx512", "neon"])
def test_an_override_that_the_processor_lacks_is_refused(processor, monkeypatch, name):
    processor("x86_64-unknown-linux-gnu", *target._AVX2)
    monkeypatch.setenv(target.VARIABLE, name)
    with pytest.raises(EngineError, match=f"EVERYSTEP_TARGET={name}: this processor .* set it to avx2 or portable"):
        target.host()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", ["avx512", "avx2", "portable", "neon"])
def test_every_target_is_emitted_as_closed_code_for_every_system(name, system):
    architecture = "aarch64" if name == "neon" else "x86_64"
    made = dataclasses.replace(target.named(name), triple=f"{architecture}-{system}")
    code = build.emit(multiplying(made), made)
    assert int.from_bytes(code[18:20], "little") == MACHINES[architecture]
    assert symbols(code) == ({"f"}, frozenset())


def test_a_target_tells_what_its_instructions_are():
    found = {name: target.named(name).instructions for name in ("avx512", "avx2", "neon", "portable")}
    assert found == {"avx512": {"fma", "avx512"}, "avx2": {"fma"}, "neon": {"fma"}, "portable": frozenset()}


def test_vectors_of_512_bits_are_used_where_there_are_some():
    made = dataclasses.replace(target.named("avx512"), triple="x86_64-unknown-linux-gnu")
    text = made.machine().emit_assembly(binding.parse_assembly(str(multiplying(made))))
    assert "%zmm" in text
    assert "%ymm" not in text
