"""What helm keeps of a release: our bytes and its own, and bytes that are neither."""

import base64
import gzip
import zlib
from collections.abc import Callable

import msgspec
import pytest

from deploy.helm import encoding
from tests.deploy.helm.stored import release


def stored(document: bytes) -> bytes:
    return base64.b64encode(gzip.compress(document))


def test_a_release_comes_back_as_it_was() -> None:
    whole = release(3, notes="Grüße", status="failed")
    assert encoding.decode(encoding.encode(whole)) == whole


def test_a_release_from_before_compression_is_read() -> None:
    assert encoding.decode(base64.b64encode(msgspec.json.encode(release()))) == release()


def test_what_helm_3_wrote_of_times_that_never_were_is_read() -> None:
    document = (
        b'{"name":"web","namespace":"apps","version":2,"info":{"first_deployed":"2020-01-01T00:00:00.5+02:00",'
        b'"deleted":"","status":"deployed"},"chart":{"metadata":{"name":"web"}},"hooks":[{"name":"h","kind":"Job",'
        b'"path":"p","manifest":"m","events":["test"],"last_run":{"started_at":"","completed_at":"","phase":""}}],'
        b'"config":null}'
    )
    found = encoding.decode(stored(document))
    assert (found.info.deleted, found.config, found.hooks[0].last_run.phase) == ("", None, "")


def test_large_numbers_of_values_stay_what_they_are() -> None:
    whole = release(config={"big": 123456789012345678901234567890, "small": 1e-7, "whole": 1.0})
    assert encoding.decode(encoding.encode(whole)).config == whole.config


def bomb() -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    mebibyte = bytes(1 << 20)
    return b"".join(deflate.compress(mebibyte) for _ in range(70)) + deflate.flush()


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "no base64": (lambda: b"!!!", "it is not base64"),
    "nothing": (lambda: b"", "it is not JSON"),
    "no gzip after its first bytes": (lambda: base64.b64encode(b"\x1f\x8b\x08\x00oh no"), "it breaks off"),
    "broken off": (lambda: base64.b64encode(gzip.compress(b'{"name":"x"}' * 99)[:-20]), "it breaks off"),
    "broken": (lambda: base64.b64encode(gzip.compress(b"x" * 9)[:10] + b"\xff" * 9), "it is not gzip"),
    "bomb": (lambda: base64.b64encode(bomb()), "it unfolds to more than 64 MiB"),
    "deep": (lambda: stored(b'{"chart":{"a":' + b"[" * 100_000), "it nests too deep"),
    "no JSON": (lambda: stored(b"{"), "it is not JSON"),
    "no text": (lambda: stored(b'{"name":"\xff"}'), "it is not JSON"),
    "nothing of a release": (lambda: stored(b"{}"), "Object missing required field `name`"),
    "a secret where a number belongs": (
        lambda: stored(b'{"name":"a","version":"hunter22"}'),
        "it holds no release at version",
    ),
    "an unknown state": (
        lambda: stored(b'{"name":"a","namespace":"b","version":1,"info":{"status":"hunter22"}}'),
        "it holds no release at info.status",
    ),
}


@pytest.mark.parametrize(("data", "complaint"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_release_is_named(data: Callable[[], bytes], complaint: str) -> None:
    with pytest.raises(encoding.Unreadable) as error:
        encoding.decode(data())
    assert str(error.value) == complaint
