"""What a commit or a tag is signed with: its bytes apart from the signature, and whose keys that signature fits.

Answers to Git's own rules (`gpgsig` headers of commits, the last armored block of a tag's message) and to
`fluxcd/pkg/git/signature`: which kinds of signatures there are, how they are called, and what is said of those that fit
no key. S/MIME is recognized and not verified, as there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gotk.git.errors import Unverified
from gotk.git.objects import openpgp, sshsig

#: A larger commit or tag is not read: its message is no message.
OBJECT_LIMIT = 16 << 20

_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")
_OPENPGP, _SSH, _X509 = (
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
)
_KINDS: Mapping[bytes, str] = {_OPENPGP: "openpgp", _SSH: "ssh", _X509: "x509"}
#: With these a line begins where Git takes what follows for a tag's signature.
_STARTS = (*_KINDS, b"-----BEGIN PGP MESSAGE-----")

_ASC, _SSHPUB = ".asc", ".sshpub"


@dataclass(frozen=True, slots=True)
class Signed:
    """A commit or tag without its signature, and the signature; that is empty where it was never signed."""

    payload: bytes
    signature: bytes

    @property
    def kind(self) -> str:
        """What the signature is: `openpgp`, `ssh`, `x509`, `empty` or `unknown`."""
        if not self.signature:
            return "empty"
        start = self.signature.strip()
        return next((kind for begin, kind in _KINDS.items() if start.startswith(begin)), "unknown")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag object: its id, the name that it gives itself, and the commit that it leads to."""

    id: str
    name: str
    commit: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys of a secret: OpenPGP key rings, and files of SSH keys as in `authorized_keys`."""

    rings: tuple[bytes, ...] = ()
    authorized: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, bytes]) -> "Keys":
        """Sort a secret's values: `*.sshpub` are SSH keys, `*.asc` and any other are key rings."""
        ordered = sorted(data.items())
        return cls(
            rings=tuple(value for name, value in ordered if not name.endswith(_SSHPUB)),
            authorized=tuple(value for name, value in ordered if name.endswith(_SSHPUB)),
        )

    def verify(self, signed: Signed, what: str) -> str:
        """Return the id of the key that signed: OpenPGP's long id or SSH's fingerprint.

        `what` is `commit` or `tag`, for messages. Raises Unverified.
        """
        match signed.kind:
            case "openpgp" if not self.rings:
                raise _keyless("PGP", _ASC)
            case "openpgp":
                return _told(f"unable to verify Git {what}", openpgp.verify, signed, self.rings)
            case "ssh" if not self.authorized:
                raise _keyless("SSH", _SSHPUB)
            case "ssh":
                return _told(f"unable to verify Git {what} SSH signature", sshsig.verify, signed, self.authorized)
            case other:
                raise Unverified(f"unsupported signature type: {other}")


def _told(prefix: str, verify: "openpgp.Verify", signed: Signed, keys: tuple[bytes, ...]) -> str:
    try:
        return verify(signed.signature.strip(), signed.payload, keys)
    except Unverified as error:
        raise Unverified(f"{prefix}: {error.message}") from None


def _keyless(name: str, suffix: str) -> Unverified:
    return Unverified(
        f"{name} signature detected but no {name} public keys found in secret (keys with {suffix} suffix)"
    )


def of_commit(content: bytes) -> Signed:
    """Take a commit's bytes apart."""
    headers, blank, message = content.partition(b"\n\n")
    kept, signature = _without_signatures(headers)
    return Signed(kept + blank + message, signature)


def of_tag(content: bytes) -> Signed:
    """Take a tag's bytes apart: the signature is at their end, from the last line that begins as one does."""
    start = _start(content)
    headers, blank, message = content[:start].partition(b"\n\n")
    kept, _ = _without_signatures(headers)
    return Signed(kept + blank + message, content[start:])


def _start(content: bytes) -> int:
    at = max(content.rfind(b"\n" + begin) for begin in _STARTS)
    return len(content) if at < 0 else at + 1


def _without_signatures(headers: bytes) -> tuple[bytes, bytes]:
    """Return headers that are not signatures, and the value of those that are for SHA-1, as Git unfolds them."""
    kept: list[bytes] = []
    signature: list[bytes] = []
    target = kept
    for line in headers.split(b"\n"):
        if line.startswith(b" ") and target is not kept:
            target.append(line[1:])
        elif line.startswith(_HEADERS[0]):
            target = signature
            target.append(line.removeprefix(_HEADERS[0]))
        elif line.startswith(_HEADERS[1]):
            target = []
        else:
            target = kept
            kept.append(line)
    return b"\n".join(kept), b"\n".join(signature)
