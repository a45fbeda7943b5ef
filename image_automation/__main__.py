"""The program: `image-automation`, or `python -m image_automation`."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from image_automation.cli import root  # noqa: PLC0415 - keeps `python -m` with a bad argument as fast as the rest

    sys.exit(root.run())


if __name__ == "__main__":
    main()
