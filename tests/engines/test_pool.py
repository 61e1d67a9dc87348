"""Regions of compiled code run on every team there may be: right, in bounded time, and no thread spins for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from everystep.engines.llvm import pool, workers
from everystep.errors import EngineError, UnknownNameError

TESTS = Path(__file__).parents[1]
LIMIT = 60  # seconds for a process that takes two or three; one that hangs is ended
BEGIN = """
import os, threading, time
import torch, filling
from everystep.engines.llvm import pool
entry = filling.driver()
torch.set_num_threads(2)
"""
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="torch brings such an OpenMP on Linux only")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
each_kind = pytest.mark.parametrize("kind", [pytest.param("openmp", marks=linux), "python"])


@pytest.fixture
def run_plainly(tmp_path_factory):
    """Run code in a fresh process, and give what it printed."""
    folder = tmp_path_factory.getbasetemp() / "code"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "EVERYSTEP_"))}
    paths = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))

    def process(code: str, **environment: str) -> list[str]:
        variables = plain | {"EVERYSTEP_CACHE": str(folder), "PYTHONPATH": paths} | environment
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, done.stderr
        assert "Exception ignored" not in done.stderr
        return done.stdout.split()

    return process


@pytest.fixture
def run(run_plainly):
    """Run code in a fresh process that has a driver and two threads, and give what it printed."""
    return lambda code, **environment: run_plainly(BEGIN + code, **environment)


@pytest.fixture
def fresh(monkeypatch):
    """A process that has made no team."""
    monkeypatch.delenv(pool.VARIABLE, raising=False)
    monkeypatch.setattr(pool, "_teams", {})
    monkeypatch.setattr(pool.torch, "get_num_threads", lambda: 4)


@each_kind
def test_every_number_of_threads_and_pieces_fills_the_whole_array(run, kind):
    code = """
for threads in (1, 2, 4, 3):
    torch.set_num_threads(threads)
    for pieces in (0, 1, 2, 3, 7):
        team, right = filling.fill(entry, 8, pieces, times=20)
        assert right and team.threads == threads, (threads, pieces)
print(filling.fill(entry, 1)[0] == pool.SERIAL, bool(filling.fill(entry, 2)[0].parallel))
"""
    assert run(code, EVERYSTEP_POOL=kind) == ["True", "True"]


@linux
def test_the_first_choice_is_the_openmp_that_torch_brought(run):
    code = """
team = pool.team(2)
for line in open("/proc/self/maps"):
    low, high = (int(end, 16) for end in line.split()[0].split("-"))
    if low <= team.parallel < high:
        print(line.split()[-1])
"""
    (library,) = run(code)
    assert "omp" in Path(library).name
    assert "torch" in library


@each_kind
def test_a_team_works_side_by_side(run, kind):
    code = """
import ctypes
seen, both = set(), threading.Barrier(2, timeout=20)
number, size = (ctypes.CFUNCTYPE(ctypes.c_int)(address) for address in pool.team(2)[1:3])
def region(_):
    both.wait()  # both threads are in here at once
    seen.add((number(), size(), threading.get_ident()))
kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
callback = kind(region)
parallel = ctypes.CFUNCTYPE(None, kind, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)(pool.team(2).parallel)
pool.team(2).enter(parallel, callback, None, 2, 0)
print(sorted(place[:2] for place in seen), len({place[2] for place in seen}))
"""
    assert "".join(run(code, EVERYSTEP_POOL=kind)) == "[(0,2),(1,2)]2"


FORK = """
def child():
    torch.set_num_threads(2)
    team, right = filling.fill(entry, 2, times=50)
    os._exit(0 if right and team.threads == 2 else 1)
torch.ones(300, 300) @ torch.ones(300, 300)
assert filling.fill(entry, 2, times=50)[1]
"""


@forks
@each_kind
def test_a_forked_child_is_served_after_its_parent_used_threads(run, kind):
    code = """
for _ in range(3):
    number = os.fork()
    if number == 0:
        del os.environ["EVERYSTEP_POOL"]  # by itself
        child()
    assert os.waitpid(number, 0)[1] == 0
    assert filling.fill(entry, 2, times=50)[1]  # the parent's team is as it was
"""
    assert run(FORK + code, EVERYSTEP_POOL=kind) == []


@forks
def test_a_child_forked_while_threads_run_regions_is_served(run):
    code = """
going = True
def work():
    while going:
        assert filling.fill(entry, 2, times=5)[1]
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(5):
    number = os.fork()
    if number == 0:
        child()
    assert os.waitpid(number, 0)[1] == 0
going = False
"""
    assert run(FORK + code, EVERYSTEP_POOL="python") == []


@forks
def test_a_child_is_served_whose_parent_used_torchs_threads_and_not_ours(run_plainly):
    code = """
import os, sys, torch, everystep
torch.set_num_threads(2)
torch.ones(300, 300) @ torch.ones(300, 300)
if "everystep.engines.llvm.pool" in sys.modules:
    sys.exit("the parent must not have loaded what compiles")
number = os.fork()
if number == 0:
    import filling
    team, right = filling.fill(filling.driver(), 2, times=50)
    os._exit(0 if right and team.threads == 2 else 1)
assert os.waitpid(number, 0)[1] == 0
"""
    assert run_plainly(code) == []


@forks
@linux
def test_openmp_asked_for_in_a_forked_child_is_refused_and_does_not_hang(run):
    code = """
number = os.fork()
if number == 0:
    try:
        pool.team(2)
    except pool.EngineError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(number, 0)
"""
    assert " ".join(run(FORK + code, EVERYSTEP_POOL="openmp")).startswith("EVERYSTEP_POOL=openmp: torch's OpenMP")


@linux
@pytest.mark.parametrize("limit", [{"OMP_THREAD_LIMIT": "1"}, {"OMP_DYNAMIC": "true", "OMP_THREAD_LIMIT": "2"}])
def test_a_smaller_team_than_asked_for_does_all_the_work(run, limit):
    assert run("torch.set_num_threads(4)\nprint(filling.fill(entry, 4, times=50)[1])", **limit) == ["True"]


@linux
@pytest.mark.parametrize("levels", ["1", "2"])
def test_a_region_within_a_region_does_all_the_work(run, levels):
    code = """
import ctypes
found = []
kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
callback = kind(lambda _: found.append(filling.fill(entry, 2, times=20)[1]))
parallel = ctypes.CFUNCTYPE(None, kind, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)(pool.team(2).parallel)
parallel(callback, None, 2, 0)
print(*found)
"""
    assert run(code, OMP_MAX_ACTIVE_LEVELS=levels) == ["True", "True"]


@each_kind
def test_eight_python_threads_at_once_are_all_served(run, kind):
    code = """
found = []
def work():
    torch.set_num_threads(2)
    found.append(filling.fill(entry, 2, times=100)[1])
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(found), all(found), filling.fill(entry, 2)[1])
"""
    assert run(code, EVERYSTEP_POOL=kind) == ["8", "True", "True"]


@pytest.mark.skipif(os.name != "posix", reason="os.kill sends no Ctrl-C elsewhere")
@each_kind
def test_ctrl_c_never_leaves_a_region_half_done(run, kind):
    code = """
import ctypes, random, signal
import numpy as np
array = np.zeros((7, 1000), np.int64)
def call():
    team = pool.team(2)
    block = filling.Block(team.parallel, team.thread_num, team.num_threads, 2, array.ctypes.data, 7, 1000)
    team.enter(entry, ctypes.addressof(block))
def send():
    for _ in range(100):
        time.sleep(0.02 * random.random())
        os.kill(os.getpid(), signal.SIGINT)
def interrupt(*_):
    global calling
    if calling:
        calling = False
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupt)
thread, caught, calls, calling = threading.Thread(target=send), 0, 0, False
thread.start()
while thread.is_alive():
    try:
        calling = True
        call()
        calls += 1
        calling = False
    except KeyboardInterrupt:
        caught += 1
    times = array // np.arange(1, 8)[:, None]
    assert (times == times[0, 0]).all() and times[0, 0] >= calls, (times, calls)
print(caught > 0, calls > 0)
"""
    assert run(code, EVERYSTEP_POOL=kind) == ["True", "True"]


@each_kind
def test_threads_that_wait_use_no_processor(run, kind):
    code = """
filling.fill(entry, 2, times=100)
time.sleep(1)  # OpenMP's threads spin for a moment, then sleep
before = time.process_time()
time.sleep(0.5)
print(time.process_time() - before < 0.1)
"""
    assert run(code, EVERYSTEP_POOL=kind) == ["True"]


def test_the_choice_of_a_team_costs_about_a_microsecond(run):
    code = """
import timeit
print(min(timeit.repeat(lambda: pool.team(2), number=10000, repeat=5)) / 10000 < 5e-6)
"""
    assert run(code) == ["True"]  # 0.2 microseconds on the machine it was written on


def test_what_a_call_on_a_worker_raises_is_raised_to_the_caller():
    workers.ready(1)
    with pytest.raises(ZeroDivisionError):
        workers.enter(lambda: 1 // 0)
    done = []
    workers.enter(done.append, threading.main_thread)  # the worker lives on
    assert done == [threading.main_thread]


def test_without_openmp_python_threads_serve(fresh, monkeypatch):
    monkeypatch.setattr(pool, "_gomp", lambda: None)
    team = pool.team(2)
    assert team.parallel == workers.ADDRESSES[0]
    assert team.threads == 2
    monkeypatch.setenv(pool.VARIABLE, "openmp")
    with pytest.raises(EngineError, match="EVERYSTEP_POOL=openmp: torch's OpenMP threads are not to be had here"):
        pool.team(3)


def test_where_no_thread_can_be_started_the_caller_works_alone(fresh, monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setenv(pool.VARIABLE, "python")
    monkeypatch.setattr(workers, "_started", [])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert pool.team(4) == pool.SERIAL


def test_serial_is_one_thread(fresh, monkeypatch):
    monkeypatch.setenv(pool.VARIABLE, "serial")
    assert pool.team(4) == pool.SERIAL


def test_an_unknown_pool_is_refused_with_the_names_there_are(fresh, monkeypatch):
    monkeypatch.setenv(pool.VARIABLE, "opnmp")
    with pytest.raises(UnknownNameError, match='"opnmp" is unknown; did you mean "openmp"'):
        pool.team(2)
