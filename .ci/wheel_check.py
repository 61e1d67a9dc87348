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
        (home / "table.parquet").write_bytes(b"PAR1")
        refused = run(scripts / "everystep", "fit", "table.parquet", cwd=home, code=2)
        if "everystep[forecast]" not in refused:
            sys.exit(
                "Parquet without pyarrow was refused, but the message does not name the extra: everystep[forecast]."
            )
    say("the wheel works in an empty environment")


def run(*command: object, cwd: Path, code: int = 0) -> str:
    """Run a command, show what it prints, stop unless it leaves with the code; give what it said on stderr."""
    typed = " ".join(part.name if isinstance(part, Path) else str(part) for part in command)
    say(typed)
    done = subprocess.run([str(part) for part in command], cwd=cwd, stderr=subprocess.PIPE, text=True, check=False)
    print(done.stderr, end="", file=sys.stderr, flush=True)
    if done.returncode != code:
        sys.exit(f"{typed} left with {done.returncode}; expected {code}.")
    return done.stderr


def say(what: str) -> None:
    print(f"==> {what}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
