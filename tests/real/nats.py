"""A real nats-server with who may do what, and keys and tokens for it."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from image_automation.notification.delivery import nats_keys
from tests.real import child

#: The first bytes of public names.
USER, ACCOUNT, OPERATOR = 20 << 3, 0, 14 << 3


@dataclass(frozen=True)
class Key:
    """A key of NATS, by its seed and its public name."""

    seed: str
    public: str

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Make a JWT as NATS has them."""
        body = {"iat": 1767268800, "iss": self.public, **claims}
        name = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
        head = _part({"typ": "JWT", "alg": "ed25519-nkey"})
        text = f"{head}.{_part({'jti': name, **body})}"
        signature = base64.b64decode(nats_keys.read(self.seed).sign(text))
        return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def login(self, token: str) -> dict[str, Any]:
        """Return what the client library is told to log in with a JWT of this key."""
        return {"user_jwt_cb": token.encode, "signature_cb": nats_keys.read(self.seed).sign}


def key(kind: int = USER) -> Key:
    """Make a key of a user, an account or an operator."""
    text = nats_keys.seed(kind, Ed25519PrivateKey.generate())
    return Key(text, nats_keys.read(text).public)


@contextmanager
def server(directory: Path, configuration: str = "") -> Iterator[int]:
    """Run a server with these lines in its configuration, and give its port."""
    binary, port = child.program("nats-server"), child.free_port()
    file = directory / f"nats-{port}.conf"
    file.write_text(f"listen: 127.0.0.1:{port}\n{configuration}\n")
    with child.running([binary, "-c", str(file)], log=directory / "nats.log", port=port):
        yield port


def operator(user: Key) -> tuple[str, str, str]:
    """Return the configuration of a server that believes an operator, a user's JWT and file of credentials."""
    top, account = key(OPERATOR), key(ACCOUNT)
    everything = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1}
    trusted = top.sign({"sub": top.public, "name": "operator", "nats": {"type": "operator", "version": 2}})
    limits = {"limits": everything, "type": "account", "version": 2}
    known = top.sign({"sub": account.public, "name": "account", "nats": limits})
    rights = {"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2}
    token = account.sign({"sub": user.public, "name": "user", "nats": rights})
    configuration = f"operator: {trusted}\nresolver: MEMORY\nresolver_preload: {{ {account.public}: {known} }}"
    begin, end = "-----BEGIN {}-----", "------END {}------"
    lines = [begin.format("NATS USER JWT"), token, end.format("NATS USER JWT"), "", "Keep this secret.", ""]
    lines += [begin.format("USER NKEY SEED"), user.seed, end.format("USER NKEY SEED"), ""]
    return configuration, token, "\n".join(lines)


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
