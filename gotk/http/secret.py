"""Reading keys of a Secret in Flux's words. Answers to `fluxcd/pkg/runtime/secrets`.

Messages name the secret and the key and never the content.
"""

from gotk.api.core import Secret


class SecretError(ValueError):
    """The secret lacks something or holds something wrong."""


def name_of(secret: Secret) -> str:
    """Return how messages call a secret: `namespace/name`."""
    return f"{secret.metadata.namespace}/{secret.metadata.name}"


def text(secret: Secret, key: str) -> str:
    """Return the text of a key that is there. Raises SecretError for other bytes."""
    try:
        return secret.data[key].decode()
    except UnicodeDecodeError:
        raise SecretError(f"secret '{name_of(secret)}': key '{key}' is not text") from None
