"""The drop-ins in torch's own table of modules: its constructors, its inputs, its references, its errors.

What is done with each case is what torch's suite does with it: forward beside the reference, first and second
derivatives by finite differences, saving, odd memory layouts, factories, and errors by kind and words. Every case takes
minutes, most of them compiling; here go every seventh, while training, and all of them in ``make conformance``.
"""

from __future__ import annotations

import io
import warnings
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import everystep as es

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch's own test modules warn while they load
    pytest.importorskip("expecttest", reason="torch's own test modules need it")
    from torch.testing._internal.common_modules import ModuleErrorEnum, module_db
    from torch.testing._internal.common_utils import freeze_rng_state, gradcheck, gradgradcheck

NAMES = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")
INFO = {info.name.removeprefix("nn."): info for info in module_db if info.name.removeprefix("nn.") in NAMES}
COUNTS = {"RNN": 32, "LSTM": 32, "GRU": 16, "RNNCell": 3, "LSTMCell": 2, "GRUCell": 2}  # at least, in each mode

pytestmark = pytest.mark.filterwarnings("ignore::everystep.errors.FallbackWarning")  # second derivatives are slower
conformance = pytest.mark.conformance
every_module = pytest.mark.parametrize("name", NAMES)
in_both_modes = pytest.mark.parametrize(
    ("training", "every"),
    [
        pytest.param(True, 7, id="some"),
        pytest.param(True, 1, id="training", marks=conformance),
        pytest.param(False, 1, id="evaluating", marks=conformance),
    ],
)


def inputs(name, *, training, requires_grad, dtype=torch.float64, every=1):
    """The cases of torch's table, or some of them."""
    with freeze_rng_state():
        torch.manual_seed(0)
        info = INFO[name]
        found = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=requires_grad, training=training)
        return [one for one in found if one.forward_input is not None][::every]


def made(name, case, *, training, dtype=torch.float64):
    """The drop-in as a case asks for it."""
    torch.manual_seed(0)
    layer = getattr(es.nn, name)(*case.constructor_input.args, **case.constructor_input.kwargs)
    return layer.to(dtype).train(training)


def called(layer, case):
    return layer(*case.forward_input.args, **case.forward_input.kwargs)


def tensors(value):
    """Every tensor of arguments or results, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, PackedSequence):
        return [value.data]
    return [one for part in value for one in tensors(part)] if isinstance(value, (tuple, list)) else []


def replaced(value, rest):
    """The same arguments with other tensors in them."""
    if isinstance(value, torch.Tensor):
        return next(rest)
    if isinstance(value, PackedSequence):
        return value._replace(data=next(rest))
    return type(value)(replaced(part, rest) for part in value) if isinstance(value, (tuple, list)) else value


@every_module
def test_the_table_has_the_cases_that_it_had(name):
    assert len(inputs(name, training=True, requires_grad=False)) >= COUNTS[name]


@every_module
@in_both_modes
@pytest.mark.parametrize(
    "dtype",
    [pytest.param(torch.float32, id="float32", marks=conformance), pytest.param(torch.float64, id="float64")],
)
def test_forward_is_the_reference(name, training, every, dtype):
    for case in inputs(name, training=training, requires_grad=False, dtype=dtype, every=every):
        layer = made(name, case, training=training, dtype=dtype)
        outputs = called(layer, case)
        if case.reference_fn is not None and not isinstance(case.forward_input.args[0], PackedSequence):
            args, kwargs = deepcopy(case.forward_input.args), dict(case.forward_input.kwargs)
            torch.testing.assert_close(outputs, case.reference_fn(layer, *args, **kwargs))


@every_module
@in_both_modes
def test_forward_is_that_of_torch(name, training, every):
    for case in inputs(name, training=training, requires_grad=False, every=every):
        layer = made(name, case, training=training)
        theirs = getattr(nn, name)(*case.constructor_input.args, **case.constructor_input.kwargs).double()
        theirs.load_state_dict(layer.state_dict())
        for ours, right in zip(tensors(called(layer, case)), tensors(called(theirs, case)), strict=True):
            torch.testing.assert_close(ours, right, rtol=0, atol=1e-14)  # a few roundings of float64 in another order


def differentiated(name, training, every, check):
    for case in inputs(name, training=training, requires_grad=True, every=every):
        layer = made(name, case, training=training)
        names, weights = zip(*layer.named_parameters(), strict=True)
        given = [case.forward_input.args, tuple(case.forward_input.kwargs.values())]
        keys, own = tuple(case.forward_input.kwargs), tensors(given)

        def function(*values, layer=layer, names=names, given=given, keys=keys):
            args, kwargs = replaced(given, iter(values[len(names) :]))
            out = torch.func.functional_call(
                layer, dict(zip(names, values, strict=False)), tuple(args), dict(zip(keys, kwargs, strict=True))
            )
            return tuple(tensors(out))

        assert check(function, (*weights, *own))


@every_module
@in_both_modes
def test_first_derivatives_are_finite_differences(name, training, every):
    differentiated(name, training, every, gradcheck)


@every_module
@in_both_modes
def test_second_derivatives_are_finite_differences(name, training, every):
    differentiated(name, training, every, gradgradcheck)


@every_module
@in_both_modes
def test_a_saved_module_gives_the_same(name, training, every):
    for case in inputs(name, training=training, requires_grad=False, every=every):
        layer = made(name, case, training=training)
        before = called(layer, case)
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        again = torch.load(file, weights_only=False)
        torch.testing.assert_close(tensors(called(again, case)), tensors(before), rtol=0, atol=0)
        fresh = made(name, case, training=training)
        fresh.load_state_dict(layer.state_dict(), strict=True)
        torch.testing.assert_close(tensors(called(fresh, case)), tensors(before), rtol=0, atol=0)


@every_module
@in_both_modes
def test_inputs_and_gradients_may_lie_in_any_way(name, training, every):
    for case in inputs(name, training=training, requires_grad=True, every=every):
        layer = made(name, case, training=training)
        given = case.forward_input.args
        if isinstance(given[0], PackedSequence):
            continue
        plain = gradients_of(layer, given)
        wide = [torch.repeat_interleave(t.detach(), 2, dim=-1)[..., ::2].requires_grad_() for t in tensors(given)]
        odd = gradients_of(layer, replaced(given, iter(wide)), scattered=True)
        torch.testing.assert_close(odd, plain, rtol=0, atol=1e-14)  # strides change no number but the order of sums


def gradients_of(layer, given, *, scattered=False):
    results = tensors(layer(*given))
    torch.manual_seed(1)
    seeds = [torch.rand_like(result, memory_format=torch.contiguous_format) for result in results]
    if scattered:
        seeds = [torch.repeat_interleave(seed, 2, dim=-1)[..., ::2] for seed in seeds]
    return torch.autograd.grad(results, [*tensors(given), *layer.parameters()], seeds)


@every_module
def test_device_and_dtype_reach_every_parameter(name):
    for case in inputs(name, training=True, requires_grad=False):
        kwargs = {**case.constructor_input.kwargs, "device": "cpu", "dtype": torch.float64}
        layer = getattr(es.nn, name)(*case.constructor_input.args, **kwargs)
        assert {(value.dtype, value.device.type) for value in layer.parameters()} == {(torch.float64, "cpu")}


@every_module
def test_every_case_has_a_repr(name):
    for case in inputs(name, training=True, requires_grad=False):
        theirs = getattr(nn, name)(*case.constructor_input.args, **case.constructor_input.kwargs)
        assert repr(made(name, case, training=True)) == repr(theirs)


@every_module
@in_both_modes
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_wrong_calls_raise_what_torch_promises(name, training, every, dtype):
    info = INFO[name]
    found = info.module_error_inputs_func(info, device="cpu", dtype=dtype, requires_grad=False, training=training)
    assert len(found) >= 4
    for error in found:  # all: they compile nothing
        case = error.module_error_input
        if error.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(error.error_type, match=error.error_regex):
                getattr(es.nn, name)(*case.constructor_input.args, **case.constructor_input.kwargs)
            continue
        layer = getattr(es.nn, name)(*case.constructor_input.args, **case.constructor_input.kwargs)
        layer.to(dtype).train(training)
        with pytest.raises(error.error_type, match=error.error_regex):
            called(layer, case)
        with torch.no_grad(), pytest.raises(error.error_type, match=error.error_regex):
            called(layer, case)
