"""Secrets out of flags: the keys that the service looks for, by what they are for."""

from pathlib import Path
from typing import Any

from image_automation.cli import output
from image_automation.cli.verbs.create.recipe import Asked, compact

Manifest = dict[str, Any]


def secret(asked: Asked, texts: dict[str, str], *, name: str = "", type_: str = "") -> Manifest:
    """Return a Secret as somebody would write it: in plain text."""
    metadata = compact(name=name or asked.name, namespace=asked.namespace, labels=dict(asked.labels))
    typed = {"type": type_} if type_ else {}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": texts} | typed


def for_git(asked: Asked) -> Manifest | None:
    """Return the Secret for a Git repository's flags; None where they name no credentials."""
    texts: dict[str, str] = {}
    if asked["username"] and asked["password"]:
        texts |= {"username": asked["username"], "password": asked["password"]}
        if asked["url"].startswith("http://"):
            output.warning("insecure configuration: credentials configured for an HTTP URL")
    elif asked["username"] or asked["password"]:
        output.fail("--username and --password go together")
    if asked["ca_file"]:
        texts["ca.crt"] = read(asked["ca_file"], "TLS CA file")
    return secret(asked, texts) if texts else None


def read(path: str, what: str) -> str:
    """Return the text of a file that a flag names."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        output.fail(f"unable to read {what}: open {path}: {(error.strerror or '').lower()}")
    except UnicodeDecodeError:
        output.fail(f"unable to read {what}: {path} is not text")
