"""Git over SSH: a key for the repository, made here or read from a file, and the server's own key.

Answers to `flux2/pkg/manifestgen/sourcesecret`: the keys of the Secret are `identity`, `identity.pub`, `known_hosts`
and, for a key that is locked, `password`.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from image_automation.cli import flags, output
from image_automation.cli.verbs.create.files import read
from image_automation.cli.verbs.create.recipe import Asked

if TYPE_CHECKING:
    from gotk.git.objects.key_pair import KeyPair

_ALGORITHMS = ("rsa", "ecdsa", "ed25519")
_CURVES = ("p256", "p384", "p521")
_LEAST_BITS = 1024


def options() -> tuple[click.Option, ...]:
    """Return the flags about keys."""
    return (
        click.Option(
            ["--ssh-key-algorithm"], default="ecdsa", show_default=True, metavar="NAME", help="rsa, ecdsa or ed25519."
        ),
        click.Option(
            ["--ssh-rsa-bits"], type=int, default=2048, show_default=True, metavar="BITS", help="Length for rsa."
        ),
        click.Option(
            ["--ssh-ecdsa-curve"], default="p384", show_default=True, metavar="NAME", help="p256, p384 or p521."
        ),
        flags.text("--private-key-file", summary="Key that is there; --password opens it.", metavar="FILE"),
    )


def check(asked: Asked) -> None:
    """Refuse a key that cannot be made."""
    algorithm, curve, bits = asked["ssh_key_algorithm"], asked["ssh_ecdsa_curve"], asked["ssh_rsa_bits"]
    if algorithm not in _ALGORITHMS:
        output.fail(f"unsupported public key algorithm '{algorithm}', must be one of: {', '.join(_ALGORITHMS)}")
    if curve not in _CURVES:
        output.fail(f"unsupported curve '{curve}', must be one of: {', '.join(_CURVES)}")
    if bits < _LEAST_BITS:
        output.fail("RSA key bit size must be at least 1024")
    if bits % 8:
        output.fail("RSA key bit size must be a multiples of 8")
    if asked["password"] and not asked["private_key_file"]:
        output.fail("--password opens the key of --private-key-file, which is not given")


async def texts(asked: Asked) -> dict[str, str]:
    """Return what the Secret holds: the key pair and the server's key, which is asked for now."""
    from gotk.git.transport import host_key  # noqa: PLC0415 - only needed for SSH

    check(asked)
    pair = _pair(asked)
    url = urlsplit(asked["url"])
    try:
        known = await host_key.scan(url.hostname or "", url.port or host_key.PORT)
    except host_key.ScanError as error:
        output.fail(str(error))
    except ValueError:
        output.fail("git URL parse failed: host or port is malformed")
    locked = {"password": asked["password"]} if asked["password"] else {}
    return {"identity": pair.private, "identity.pub": pair.public, "known_hosts": known} | locked


def _pair(asked: Asked) -> "KeyPair":
    from gotk.git.objects import key_pair  # noqa: PLC0415 - only needed for SSH

    file = asked["private_key_file"]
    if not file:
        bits, curve = asked["ssh_rsa_bits"], asked["ssh_ecdsa_curve"]
        return key_pair.generate(asked["ssh_key_algorithm"], bits=bits, curve=curve)
    try:
        return key_pair.load(read(file, "private key file"), asked["password"])
    except key_pair.Unreadable as error:
        output.fail(f"unable to read private key file: {file}: {error}")
