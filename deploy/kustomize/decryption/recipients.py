"""Whom a document is encrypted for, read without sops: what a message says when no key fits.

The metadata stands under `sops` in JSON and YAML, in lines that begin with `sops_` among variables, and in a section of
its own in an ini file. Here only its names are looked for; sops reads the rest.
"""

import re

#: How each kind of key is named in the metadata, and how a message calls it.
KINDS = (
    ("recipient", "age"),
    ("fp", "PGP"),
    ("arn", "AWS KMS"),
    ("resource_id", "GCP KMS"),
    ("vault_url", "Azure Key Vault"),
    ("vault_address", "Vault"),
)
_NAMES = "|".join(name for name, _ in KINDS)
_ENTRY = re.compile(rf"""(?:^|[\s"'_-])({_NAMES})["']?\s*[:=]\s*["']?([A-Za-z0-9][^\s"',}}]*)""", re.MULTILINE)
_MARK = re.compile(r"""(?:^|[\s{,"'])sops(?:["']?\s*:|_)|\[sops\]""", re.MULTILINE)
_LONGEST = 120
_MOST = 5


def of(data: bytes) -> str:
    """Return the recipients of a document in words, empty where none can be told."""
    text = data.decode("utf-8", "replace")
    marked = _MARK.search(text)
    found = [(name, value[:_LONGEST]) for name, value in _ENTRY.findall(text[marked.start() :] if marked else "")]
    kinds = dict(KINDS)
    told = list(dict.fromkeys(f"{kinds[name]} {value}" for name, value in found))
    more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return ", ".join(told[:_MOST]) + more
