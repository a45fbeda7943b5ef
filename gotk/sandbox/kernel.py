"""System calls that Python has no function for, with their errors as OSError."""

import ctypes
import os

_LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def buffer(content: bytes) -> "ctypes.Array[ctypes.c_char]":
    """Return memory that a system call can be pointed to."""
    return ctypes.create_string_buffer(content, len(content))


def call(number: int, *arguments: "int | ctypes.Array[ctypes.c_char] | None") -> int:
    """Make a system call; a buffer is handed over by its address. Raises OSError."""
    words = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return _checked(_LIBC.syscall(ctypes.c_long(number), *words))


def address(found: "ctypes.Array[ctypes.c_char]") -> int:
    """Return where a buffer lies."""
    return ctypes.addressof(found)


def control(option: int, value: int = 0, more: int = 0) -> int:
    """Set an attribute of this process. Raises OSError."""
    return _checked(_LIBC.prctl(option, *(ctypes.c_ulong(each) for each in (value, more, 0, 0))))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
