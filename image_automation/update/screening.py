"""Which files are looked into, and which are left alone before anything is parsed.

Flux looks at `.yaml`, `.yml` (lower case only) and files named `Kustomization` that hold `"$imagepolicy"` with its
quotes; so do we. What it rewrites at its peril or skips in silence is left alone here and reported: SOPS files, whose
checksum an edit would break, text that is not UTF-8, Helm templates, and files past a size nobody writes by hand.
"""

import codecs
import re
from typing import Final

from image_automation.update import marker
from image_automation.update.result import Problem

#: Larger files are left alone. Five megabytes is the most that was seen in the wild.
SIZE_LIMIT: Final = 16 << 20

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SOPS = re.compile(rb"""^[ \t]*["']?sops["']?[ \t]*:""", re.MULTILINE)
_SOPS_VALUE = b"ENC[AES256_GCM,"
_ENCRYPTED: Final = Problem(
    "the file is encrypted with SOPS, whose checksum an edit would break", "move the image out of it"
)


def is_candidate(path: str) -> bool:
    """Tell by its name whether a file may hold markers."""
    return path.endswith((".yaml", ".yml", "/Kustomization")) or path == "Kustomization"


def has_marker(data: bytes) -> bool:
    """Tell whether a file may hold a marker, or what may be meant for one; UTF-16 files included."""
    return is_marked(data) if data[:2] in _UTF16 else marker.is_hinted(data)


def is_marked(data: bytes) -> bool:
    """Tell whether a file may hold a marker that Flux would see, UTF-16 files included."""
    if data[:2] in _UTF16:
        return marker.NEEDLE.decode().encode("utf-16-le")[:-1] in data
    return marker.NEEDLE in data


def refuse_size(size: int) -> Problem | None:
    """Say why a file of so many bytes is not even read; None for one to go on with."""
    if size <= SIZE_LIMIT:
        return None
    return Problem(f"the file has {size} bytes, more than the {SIZE_LIMIT} that are looked into", "split it")


def refuse(data: bytes) -> Problem | None:
    """Say why a file with markers is left alone without being parsed; None for one to go on with."""
    if (problem := refuse_size(len(data))) is not None:
        return problem
    if (problem := _refuse_utf16(data)) is not None:
        return problem
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Problem("the file is not UTF-8", "save it as UTF-8", line=line, level="error")
    return _ENCRYPTED if _SOPS_VALUE in data and _SOPS.search(data) else None


def refuse_text(data: bytes) -> Problem | None:
    """Say why a text file that is no YAML is left alone; None for one to go on with, in whatever encoding."""
    if (problem := refuse_size(len(data)) or _refuse_utf16(data)) is not None:
        return problem
    if b"\0" in data:
        return Problem("the file is no text", "leave it out of the patterns of text files", level="error")
    return _ENCRYPTED if _SOPS_VALUE in data and b"sops" in data else None


def _refuse_utf16(data: bytes) -> Problem | None:
    return Problem("the file is UTF-16", "save it as UTF-8", level="error") if data[:2] in _UTF16 else None


def is_helm_template(text: str) -> bool:
    """Tell whether a document that is no YAML looks like the template of a Helm chart."""
    return "{{" in text and "}}" in text
