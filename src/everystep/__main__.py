"""``python -m everystep`` is ``everystep``."""

from everystep.cli import main

if __name__ == "__main__":
    main()
