"""Threads and processes: compiled code is called by many at once, after a fork, and where no thread may be started."""

import os
import subprocess
import sys
import textwrap

import pytest

PREAMBLE = """
import os, sys, threading
import torch
import everystep as es
from everystep.engines.llvm import programs
programs.WORTH_SHARING = 0  # so that every call goes to the threads

def made(name="lstm"):
    torch.manual_seed(0)
    return es.cells.CELLS[name](3, 6)

x = torch.randn(5, 9, 3, generator=torch.Generator().manual_seed(1))

def numbers(cell, engine="llvm"):
    cell.zero_grad()
    y = es.unroll(cell, x, engine=engine).y
    found = torch.autograd.grad(y.square().sum(), list(cell.parameters()))
    return [y.detach(), *found]

def same(one, other, exactly=True):
    assert all(torch.equal(a, b) if exactly else torch.allclose(a, b, atol=1e-5) for a, b in zip(one, other))
"""


def run(program, **environment):
    code = textwrap.dedent(PREAMBLE) + textwrap.dedent(program) + "\nprint('done')"
    paths = os.pathsep.join(sys.path)
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert found.stdout.strip().endswith("done")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_goes_on():
    run(
        """
        torch.set_num_threads(2)
        cell = made()
        expected = numbers(cell)
        other = made("gru")
        plain = numbers(other, "reference")  # torch's own products may wait for ever in a child
        child = os.fork()
        if child == 0:
            try:
                same(numbers(cell), expected)
                same(numbers(other), plain, exactly=False)  # traced and compiled here
                os._exit(0)
            except BaseException as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        same(numbers(cell), expected)
        """
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_workers_of_a_data_loader():
    run(
        """
        import warnings
        cell = made().requires_grad_(False)
        class Data(torch.utils.data.Dataset):
            def __len__(self):
                return 6
            def __getitem__(self, n):
                return es.unroll(cell, x * n, engine="llvm").y
        warnings.simplefilter("ignore")
        es.unroll(cell, x, engine="llvm")
        loader = torch.utils.data.DataLoader(Data(), num_workers=2, multiprocessing_context="fork")
        for n, (y,) in enumerate(loader):
            assert torch.allclose(y, es.unroll(cell, x * n, engine="reference").y, atol=1e-5)
        """
    )


@pytest.mark.parametrize("environment", [{"OMP_THREAD_LIMIT": "1"}, {"EVERYSTEP_POOL": "python"}], ids=str)
def test_fewer_threads_than_asked_for(environment):
    run(
        """
        torch.set_num_threads(4)
        cell = made()
        same(numbers(cell), numbers(cell, "reference"), exactly=False)
        """,
        **environment,
    )


def test_eight_threads_at_once_the_first_call_included():
    run(
        """
        from concurrent.futures import ThreadPoolExecutor
        torch.set_num_threads(2)
        cells = [made(name) for name in ("lstm", "gru", "elman", "lstm")]
        gate = threading.Barrier(8)
        def work(n):
            gate.wait()
            return [numbers(cells[n % 4]) for _ in range(5)]
        def numbers(cell, engine="llvm"):  # zero_grad is not for many at once
            y = es.unroll(cell, x, engine=engine).y
            return [y.detach(), *torch.autograd.grad(y.square().sum(), list(cell.parameters()))]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(work, range(8)))
        for n, results in enumerate(found):
            for one in results:
                same(one, results[0])
                same(one, numbers(cells[n % 4], "reference"), exactly=False)
        """,
        EVERYSTEP_CACHE="off",
    )


def test_the_number_of_threads_may_change_at_any_time():
    run(
        """
        cell = made()
        expected = numbers(cell)
        for threads in (4, 1, 2, 3, 1):
            torch.set_num_threads(threads)
            same(numbers(cell), expected)
        """
    )


def test_an_interruption_while_compiling_breaks_nothing():
    run(
        """
        from everystep.engines.llvm import build, lowered
        cell = made()
        for module, name in ((lowered, "simplify"), (build, "emit"), (build, "Built")):
            real = getattr(module, name)
            def interrupted(*args):
                raise KeyboardInterrupt
            setattr(module, name, interrupted)
            try:
                es.unroll(cell, x, engine="llvm")
            except KeyboardInterrupt:
                pass
            else:
                raise AssertionError("not interrupted")
            setattr(module, name, real)
        same(numbers(cell), numbers(cell, "reference"), exactly=False)
        """,
        EVERYSTEP_CACHE="off",
    )
