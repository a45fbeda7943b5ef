"""HMAC signatures of bodies, as senders write them: `sha256=<hex>`. Compared in constant time."""

import hashlib
import hmac

from image_automation.notification.receivers.call import RefusedError

ALGORITHMS = ("sha1", "sha256", "sha512")


def sign(body: bytes, token: bytes, algorithm: str = "sha256") -> str:
    """Return the hexadecimal HMAC of a body."""
    return hmac.new(token, body, algorithm).hexdigest()


def check(body: bytes, token: bytes, signature: str, algorithms: tuple[str, ...] = ALGORITHMS) -> None:
    """Check `<algorithm>=<hex>`. Raises RefusedError."""
    algorithm, equals, digest = signature.partition("=")
    if not equals or algorithm not in algorithms:
        raise RefusedError(f"the signature is missing or not of {', '.join(algorithms)}")
    if not token or not hmac.compare_digest(sign(body, token, algorithm).encode(), digest.encode("utf-8", "replace")):
        raise RefusedError("the signature does not match")


def fingerprint(body: bytes) -> str:
    """Name a signed body: what is signed cannot be changed to look like another delivery."""
    return f"body:{hashlib.sha256(body).hexdigest()}"
