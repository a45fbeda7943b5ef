"""Which limit ended a child, in one line: whoever sent the bytes that asked for too much should know of what.

The kernel tells of a limit by a signal or an error, and each runtime words it in its own way; here both are read.
"""

import signal

from gotk.sandbox.confinement import Confinement

_OUT_OF_MEMORY = (
    "out of memory",
    "cannot allocate memory",
    "MemoryError",
    "std::bad_alloc",
    "failed to create new OS thread",
    # Go's own runtime, not the program's code ("panic: "), touched memory that it was refused.
    "SIGSEGV: segmentation violation\nPC=",
)
_LOOKED_AT = 4096


def limit_reached(confinement: Confinement, status: int, errors: str) -> str:
    """Return what a child needed more of than it may have, empty where its end has another cause.

    `status` is the exit status, a signal's number below zero; `errors` is the standard error. A child that its caller
    killed must not be asked about: it ends as one that used up its processor time.
    """
    if status == 0:
        return ""
    if status == -signal.SIGXFSZ or "file too large" in errors[:_LOOKED_AT]:
        return f"it needs to write a file of more than {confinement.file_size} bytes"
    if any(sign in errors[:_LOOKED_AT] for sign in _OUT_OF_MEMORY):
        return f"it needs more than {confinement.memory >> 20} MiB of memory"
    if status == -signal.SIGXCPU:
        return f"it needs more than {confinement.cpu_seconds}s of processor time"
    if status == -signal.SIGKILL:
        return f"it needs more than {confinement.cpu_seconds}s of processor time, or than this machine has memory"
    return ""
