"""What a signature is over: the claim that names a manifest by its digest. No input or output.

Answers to cosign's two ways: "simple signing", a JSON document that is signed as it is, and DSSE, an envelope around an
in-toto statement. A signature of a claim about another digest is none.
"""

import base64
import binascii
from dataclasses import dataclass

import msgspec

from gotk import lenient
from gotk.http.errors import printable

IN_TOTO = "application/vnd.in-toto+json"
_STATEMENTS = frozenset({"https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"})
_MOST_SUBJECTS = 1000


class Unverified(Exception):
    """It is not shown that the artifact was signed as it should be. The message says what is wrong."""


class _Image(msgspec.Struct, frozen=True):
    digest: str = msgspec.field(name="docker-manifest-digest", default="")


class _Critical(msgspec.Struct, frozen=True):
    image: _Image = _Image()


class _Payload(msgspec.Struct, frozen=True):
    critical: _Critical = _Critical()


class _Subject(msgspec.Struct, frozen=True):
    digest: dict[str, str] = {}


class _Statement(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="_type", default="")
    subject: list[_Subject] = []


class _Signed(msgspec.Struct, frozen=True):
    sig: str = ""


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    payload: str = ""
    payload_type: str = ""
    signatures: list[_Signed] = []


class _Bundle(msgspec.Struct, frozen=True, rename="camel"):
    dsse_envelope: _Envelope | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope: what it holds, of which type, and its signature."""

    payload: bytes
    payload_type: str
    signature: bytes

    @property
    def signed(self) -> bytes:
        """What the signature is over: type and payload, each with its length."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


def check_payload(payload: bytes, digest: str) -> None:
    """Check that a simple signing document is about a manifest. Raises Unverified."""
    try:
        named = lenient.decode(payload, _Payload).critical.image.digest
    except lenient.Unreadable as error:
        raise Unverified("the signed payload cannot be read") from error
    if named != digest:
        raise Unverified(f"the signature is of {printable(named) or 'nothing'}")


def check_statement(payload_type: str, payload: bytes, digest: str) -> None:
    """Check that an in-toto statement has a manifest among its subjects. Raises Unverified."""
    if payload_type != IN_TOTO:
        raise Unverified(f"the signed payload is of type '{printable(payload_type)}' and not '{IN_TOTO}'")
    try:
        statement = lenient.decode(payload, _Statement)
    except lenient.Unreadable as error:
        raise Unverified("the signed statement cannot be read") from error
    if statement.type not in _STATEMENTS:
        raise Unverified(f"the signed statement is of type '{printable(statement.type)}'")
    algorithm, _, wanted = digest.partition(":")
    if all(subject.digest.get(algorithm) != wanted for subject in statement.subject[:_MOST_SUBJECTS]):
        raise Unverified("the signed statement is about something else")


def envelope(bundle: bytes) -> Envelope:
    """Read the envelope of a Sigstore bundle. Raises Unverified."""
    try:
        found = lenient.decode(bundle, _Bundle).dsse_envelope
        if found is None or len(found.signatures) != 1:
            raise Unverified("the bundle holds no DSSE envelope with one signature")
        payload, signature = (
            base64.b64decode(text, validate=True) for text in (found.payload, found.signatures[0].sig)
        )
    except (lenient.Unreadable, binascii.Error, ValueError) as error:
        raise Unverified("the bundle cannot be read") from error
    return Envelope(payload, found.payload_type, signature)
