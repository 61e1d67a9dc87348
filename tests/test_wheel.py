"""What users install: the wheel holds the package and nothing else."""

from __future__ import annotations

import email
import subprocess
import sys
import zipfile

import pytest

import everystep


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory):
    """The wheel, built from the source as it is."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(repository)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    return email.message_from_bytes(wheel.read(f"everystep-{everystep.__version__}.dist-info/METADATA"))


def test_it_is_one_wheel_for_every_machine(wheel):
    assert wheel.filename.endswith(f"everystep-{everystep.__version__}-py3-none-any.whl")


def test_it_holds_the_package_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"everystep", f"everystep-{everystep.__version__}.dist-info"}


def test_it_holds_every_file_of_the_package(wheel, repository):
    source = repository / "src"
    files = {path.relative_to(source).as_posix() for path in (source / "everystep").rglob("*") if path.is_file()}
    files = {name for name in files if "__pycache__" not in name}
    assert files == {name for name in wheel.namelist() if name.startswith("everystep/")}


def test_it_is_typed_licensed_and_has_the_program(wheel):
    info = f"everystep-{everystep.__version__}.dist-info"
    assert "everystep/py.typed" in wheel.namelist()
    assert "MIT License" in wheel.read(f"{info}/licenses/LICENSE").decode()
    assert "everystep = everystep.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()


def test_its_metadata_say_what_it_needs(metadata):
    assert metadata["Name"] == "everystep"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    needs = metadata.get_all("Requires-Dist")
    assert "torch>=2.9" in needs
    assert not [need for need in needs if "@" in need or "://" in need]
    assert set(metadata.get_all("Provides-Extra")) == {"forecast", "onnx", "text", "dev", "docs"}


def test_it_is_small(wheel):
    size = sum(info.compress_size for info in wheel.infolist())
    assert size < 1_000_000  # bytes; text alone: data sets, pictures and models have no place in it
