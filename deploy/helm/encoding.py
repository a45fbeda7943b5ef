"""A release as the bytes that helm keeps in a Secret: base64 over gzip over JSON.

Answers to `encodeRelease` and `decodeRelease` of Helm's `pkg/storage/driver`. Whoever may write Secrets may write
these: what one unfolds to is bounded before it is unfolded, and no message quotes any of it. Both functions work hard
over a large release; run them where that may take its time.
"""

import base64
import binascii
import zlib

import msgspec

from deploy.helm.release import Release

#: What one Secret may hold of data (`MaxSecretSize`); it bounds what is stored of a release, and thereby charts.
LARGEST = 1 << 20
_LARGEST_UNFOLDED = 64 << 20
_GZIP = b"\x1f\x8b\x08"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_BEST = 9
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Release)


class Unreadable(ValueError):
    """The bytes are no release. The message says why, and quotes nothing of them."""


def encode(release: Release) -> bytes:
    """Return what is stored of a release: base64 of its gzipped JSON."""
    deflate = zlib.compressobj(_BEST, zlib.DEFLATED, _GZIP_WINDOW)
    return base64.b64encode(deflate.compress(_encoder.encode(release)) + deflate.flush())


def decode(data: bytes) -> Release:
    """Read what was stored of a release, by us or by helm; one of before compression as well. Raises Unreadable."""
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error:
        raise Unreadable("it is not base64") from None
    return from_json(_unfolded(content) if content.startswith(_GZIP) else content)


def from_json(content: bytes) -> Release:
    """Read a release as helm prints it. Raises Unreadable."""
    try:
        return _decoder.decode(content)
    except RecursionError:
        raise Unreadable("it nests too deep") from None
    except msgspec.ValidationError as error:
        raise Unreadable(_misfit(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable("it is not JSON") from None


def _misfit(complaint: str) -> str:
    """Say where the decoder found something else, without what it found."""
    _, found, place = complaint.partition(" - at ")
    return f"it holds no release at {place.strip('`').removeprefix('$.')}" if found else complaint


def _unfolded(content: bytes) -> bytes:
    unfold = zlib.decompressobj(_GZIP_WINDOW)
    try:
        found = unfold.decompress(content, _LARGEST_UNFOLDED + 1)
    except zlib.error:
        raise Unreadable("it is not gzip") from None
    if len(found) > _LARGEST_UNFOLDED:
        raise Unreadable(f"it unfolds to more than {_LARGEST_UNFOLDED >> 20} MiB")
    if not unfold.eof:
        raise Unreadable("it breaks off")
    return found
