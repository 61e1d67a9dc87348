"""Tiny products are fastest on one thread, and runs that are compared bit for bit use the same number."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Killed(BaseException):
    """What a process meets that is killed; it clears nothing away."""


@pytest.fixture
def killed_at_rename(monkeypatch):
    """Do something and be killed when a file is to be renamed, after so many were."""

    def act(action: Callable[[], object], renamed: int) -> None:
        def killing(self, target):
            if calls.append(1) or len(calls) > renamed:
                raise Killed
            return replace(self, target)

        calls, replace = [], Path.replace
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killing)
            patch.setattr(Path, "unlink", lambda *arguments, **named: None)
            with contextlib.suppress(Killed):
                action()

    return act
