"""The first moments of a confined program: this process encloses itself and becomes the program.

Between fork and exec of a process with threads hardly anything may be called, so a fresh interpreter does it: started
without site-packages and with nothing imported that it does not need, it costs about twenty milliseconds. Its
arguments are what `confinement` made of a Confinement; then `--` and the program with its own arguments.
"""

import os
import sys

_FAILED = 126  # as a shell says that a program could not be started


def main(arguments: list[str]) -> None:
    """Become the program. Says on standard error why that could not be."""
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120 - pathlib takes as long to load as all of this
    from gotk.sandbox import enclosure, limits  # noqa: PLC0415 - not on the path before

    end = arguments.index("--")
    options, command = arguments[:end], arguments[end + 1 :]
    values: dict[str, list[str]] = {}
    for option in options:
        name, _, value = option.partition("=")
        values.setdefault(name, []).append(value)
    close_all_but({int(each) for each in values.get("--keep", ())})
    try:
        limits.die_with_parent(int(values["--parent"][0]))
        enclosure.enclose(
            read=values.get("--read", ()),
            write=values.get("--write", ()),
            run=values.get("--run", ()),
            network="--network" in values,
            memory=int(values["--memory"][0]),
            cpu_seconds=int(values["--cpu-seconds"][0]) if "--cpu-seconds" in values else None,
            file_size=int(values["--file-size"][0]),
            reserves="--reserves" in values,
            ports=[int(each) for each in values.get("--port", ())],
            names="--names" in values,
        )
        os.execve(command[0], command, os.environ)  # noqa: S606 - a launcher is for this
    except (OSError, RuntimeError) as error:
        os.write(2, f"sandbox: {command[0]} could not be started: {error}\n".encode())
        os._exit(_FAILED)


def close_all_but(kept: set[int]) -> None:
    """Close every descriptor but the standard ones and those to be kept."""
    begin = 3
    for descriptor in sorted(kept):
        os.closerange(begin, descriptor)
        begin = descriptor + 1
    os.closerange(begin, os.sysconf("SC_OPEN_MAX"))


if __name__ == "__main__":
    main(sys.argv[1:])
