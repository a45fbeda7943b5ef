"""HMAC signatures of bodies, as senders write them: `sha256=<hex>`. Compared in constant time."""

import binascii
import hashlib
import hmac

from image_automation.notification.receivers.call import RefusedError

ALGORITHMS = ("sha1", "sha256", "sha512")


def sign(body: bytes, token: bytes, algorithm: str = "sha256") -> str:
    """Return the hexadecimal HMAC of a body."""
    return hmac.new(token, body, algorithm).hexdigest()


def check(body: bytes, token: bytes, signature: str) -> None:
    """Check `<algorithm>=<hex>`, where letters may be large. Raises RefusedError."""
    algorithm, equals, digest = signature.partition("=")
    if not equals or algorithm not in ALGORITHMS:
        raise RefusedError(f"the signature is missing or not of {', '.join(ALGORITHMS)}")
    try:
        given = binascii.unhexlify(digest)
    except ValueError:
        raise RefusedError("the signature is not hexadecimal") from None
    if not token or not hmac.compare_digest(hmac.digest(token, body, algorithm), given):
        raise RefusedError("the signature does not match")


def fingerprint(body: bytes) -> str:
    """Name a body."""
    return f"body:{hashlib.sha256(body).hexdigest()}"
