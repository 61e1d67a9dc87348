"""The disk can only save work: whatever lies there, the worst is that code is compiled again."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from everystep.engines.llvm import cache

KEY = hashlib.sha256(b"key").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()
CODE = bytes(range(256)) * 40
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are of POSIX")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "code"))
    return tmp_path / "code"


@pytest.fixture
def entry(folder):
    cache.store(KEY, CODE)
    (path,) = folder.iterdir()
    return path


def heals() -> bool:
    """Whether the entry is left unread, then replaced, then read."""
    if cache.load(KEY) is not None:
        return False
    cache.store(KEY, CODE)
    return cache.load(KEY) == CODE


def test_what_is_stored_is_loaded(entry):
    assert cache.load(KEY) == CODE
    assert cache.load(OTHER) is None


@posix
def test_folder_and_entries_are_the_owners_alone(folder, entry):
    assert folder.stat().st_mode & 0o777 == 0o700
    assert entry.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("length", [0, 1, 15, 16, 60, 91, 92, 93, 5000, len(CODE) + 91])
def test_a_truncated_entry_is_ignored_and_replaced(entry, length):
    entry.write_bytes(entry.read_bytes()[:length])
    assert heals()


@pytest.mark.parametrize("place", [0, 16, 20, 28, 40, 60, 91, 92, 1000, -1])
def test_an_entry_with_one_bit_flipped_is_ignored_and_replaced(entry, place):
    content = bytearray(entry.read_bytes())
    content[place] ^= 1
    entry.write_bytes(content)
    assert heals()


def test_an_entry_with_something_behind_it_is_ignored_and_replaced(entry):
    entry.write_bytes(entry.read_bytes() + b"\0")
    assert heals()


def test_an_entry_of_another_format_is_ignored_and_replaced(entry, monkeypatch):
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    assert heals()


def test_an_entry_under_another_entrys_name_is_ignored_and_replaced(folder, entry):
    cache.store(OTHER, CODE[::-1])
    (folder / (OTHER + cache.ENDING)).replace(entry)
    assert heals()


@posix
def test_an_entry_of_another_user_is_ignored_and_replaced(entry, monkeypatch):
    fstat = os.fstat
    planted = entry.stat().st_ino

    def foreign(handle):
        status = fstat(handle)
        fields = list(status)
        fields[4] += status.st_ino == planted  # st_uid
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", foreign)
    assert heals()


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_an_entry_that_others_may_write_is_ignored_and_replaced(entry, mode):
    entry.chmod(mode)
    assert heals()


@posix
def test_an_entry_that_is_a_symbolic_link_is_ignored_and_replaced(folder, entry, tmp_path):
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert heals()
    assert not entry.is_symlink()


@posix
def test_an_entry_that_is_a_pipe_is_ignored_and_replaced_without_waiting(entry):
    entry.unlink()
    os.mkfifo(entry)
    assert heals()


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_is_not_used(folder, entry, mode):
    folder.chmod(mode)
    assert cache.load(KEY) is None
    cache.store(OTHER, CODE)
    assert list(folder.iterdir()) == [entry]


@posix
def test_a_folder_of_another_user_is_not_used(folder, entry, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert cache.load(KEY) is None
    cache.store(OTHER, CODE)
    assert list(folder.iterdir()) == [entry]


@posix
def test_a_folder_that_is_a_symbolic_link_is_not_used(folder, entry, tmp_path):
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert cache.load(KEY) is None
    cache.store(OTHER, CODE)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_memory_only(tmp_path, monkeypatch, place):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / place))
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None


def test_a_home_that_may_not_be_written_is_memory_only(monkeypatch):
    monkeypatch.setattr(Path, "mkdir", refused)
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None


def refused(*_args, **_kwargs):
    raise PermissionError(13, "Permission denied")


def full(*_args, **_kwargs):
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_memory_only_and_nothing_is_left_on_it(folder, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None
    assert not list(folder.iterdir())


def test_a_disk_that_is_only_read_serves(entry, monkeypatch):
    monkeypatch.setattr(os, "utime", refused)
    monkeypatch.setattr("tempfile.mkstemp", refused)
    cache.store(OTHER, CODE)
    assert cache.load(OTHER) is None
    assert cache.load(KEY) == CODE


def test_off_keeps_away_from_the_disk(monkeypatch, folder):
    monkeypatch.setenv(cache.VARIABLE, "off")
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None
    assert cache.folder() is None
    assert not folder.exists()


@posix
def test_a_user_without_a_home_is_memory_only(monkeypatch):
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="XDG is for other systems")
def test_the_users_own_cache_folder_is_used(tmp_path, monkeypatch):
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "everystep" / "code"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "everystep" / "code"


def test_the_least_recently_used_go_beyond_the_bound(folder, monkeypatch):
    keys = [hashlib.sha256(bytes([i])).hexdigest() for i in range(6)]
    monkeypatch.setattr(cache, "BOUND", 4 * (len(CODE) + 92))
    for age, key in enumerate(keys[:4]):
        cache.store(key, CODE)
        os.utime(folder / (key + cache.ENDING), (age, age))
    assert cache.load(keys[0]) == CODE  # the oldest, used just now
    for key in keys[4:]:
        cache.store(key, CODE)
    assert [cache.load(key) is not None for key in keys] == [True, False, False, True, True, True]


def test_what_killed_processes_left_is_removed_after_an_hour(folder, entry):
    for name, age in ((".part-old", 7200), (".part-new", 60)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    (folder / "mine").write_text("not ours to remove")
    cache.store(OTHER, CODE)
    assert {path.name for path in folder.iterdir()} == {".part-new", "mine", KEY + ".o", OTHER + ".o"}


KILLED = """
import os, signal, sys
from everystep.engines.llvm import cache
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
cache.store(sys.argv[1], bytes(1000))
"""


@posix
def test_a_process_killed_in_the_middle_of_a_write_leaves_no_entry(folder):
    done = subprocess.run([sys.executable, "-c", KILLED, KEY], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(list(folder.glob(".part-*"))) == 1
    assert heals()


def store_and_load(seed: int) -> int:
    """Store and load a shared key many times; counts what was neither whole nor absent."""
    wrong = 0
    for _ in range(50):
        cache.store(KEY, CODE)
        wrong += cache.load(KEY) not in {CODE, None}
        cache.store(hashlib.sha256(bytes([seed])).hexdigest(), CODE)
    return wrong


def test_processes_at_once_never_read_half_an_entry(folder):
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        assert processes.map(store_and_load, range(2)) == [0, 0]
    assert cache.load(KEY) == CODE
    assert not list(folder.glob(".part-*"))
