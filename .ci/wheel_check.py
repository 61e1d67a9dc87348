"""Install the newest wheel in an empty environment and run the main job there: what a user's first minutes look like.

Usage: python .ci/wheel_check.py dist constraints.txt
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def main(dist: Path, constraints: Path) -> None:
    wheel = max(dist.resolve().glob("everystep-*.whl"), key=lambda path: path.stat().st_mtime)
    with tempfile.TemporaryDirectory(prefix="everystep-wheel-") as empty:
        home = Path(empty)
        say(f"an empty environment for {wheel.name}")
        venv.create(home / "venv", with_pip=True)
        scripts = home / "venv" / ("Scripts" if os.name == "nt" else "bin")
        run(scripts / "python", "-m", "pip", "install", "--quiet", "-c", constraints.resolve(), wheel, cwd=home)
        run(scripts / "everystep", "--version", cwd=home)
        run(scripts / "everystep", "demo", cwd=home)
    say("the wheel works in an empty environment")


def run(*command: object, cwd: Path) -> None:
    say(" ".join(Path(part).name if isinstance(part, Path) else str(part) for part in command))
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def say(what: str) -> None:
    print(f"==> {what}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
