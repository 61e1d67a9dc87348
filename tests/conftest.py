"""What every test may ask for: one thread per worker, a browser, the shared data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # before torch is imported: workers that each take every core slow each other down
    os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
os.environ.setdefault("EVERYSTEP_CACHE", str(ROOT / ".pytest_cache" / "everystep"))  # compiled once a checkout


@pytest.fixture(autouse=True)
def leaves_torch_as_it_was() -> Iterator[None]:
    """Hold every test to leaving torch's process-wide settings alone: the next one in this worker counts on them."""
    import torch

    before = torch.get_default_dtype(), torch.is_grad_enabled()
    yield
    after = torch.get_default_dtype(), torch.is_grad_enabled()
    torch.set_default_dtype(before[0])
    assert after == before, "the test left torch's default dtype or gradient mode changed"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium of the machine, driven through playwright."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        without_browser("no Chromium on this machine (looked for " + ", ".join(BROWSERS) + ")")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets that lies beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the project")
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the project's source."""
    return ROOT


def without_browser(reason: str) -> NoReturn:
    """Skip a test that lacks a browser; where CI=true the lack is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true this test may not be skipped")
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Mark every test that asks for the browser, so that `-m 'not browser'` leaves them out."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
