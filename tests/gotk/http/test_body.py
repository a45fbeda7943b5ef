import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.http import errors
from gotk.http.body import Body

TEXT = b"some text " * 100


def raw_deflate(content: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(content) + squeeze.flush()


ENCODED = {
    "": TEXT,
    "identity": TEXT,
    "gzip": gzip.compress(TEXT),
    "GZIP": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
}


@pytest.mark.parametrize("encoding", ENCODED)
@given(size=st.integers(1, 50))
def test_chunks_of_any_size_make_the_body(encoding: str, size: int):
    content, body = ENCODED[encoding], Body(encoding=encoding, limit=len(TEXT), what="GET x")
    for start in range(0, len(content), size):
        body.feed(content[start : start + size])
    assert body.finish() == TEXT


def test_a_raw_stream_passes_for_deflate():
    body = Body(encoding="deflate", limit=len(TEXT), what="GET x")
    body.feed(raw_deflate(TEXT))
    assert body.finish() == TEXT


@pytest.mark.parametrize("content", [gzip.compress(b"\0" * 50_000_000), b"x" * 2_000_000], ids=["bomb", "plain"])
def test_a_body_beyond_the_limit_is_refused_with_the_limit_named(content: bytes):
    body = Body(encoding="gzip" if content[0] == 0x1F else "", limit=1_000_000, what="GET x")
    with pytest.raises(errors.TooLarge, match="GET x: the answer is larger than the limit of 1000000 bytes"):
        body.feed(content)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x"])
def test_another_encoding_is_refused(encoding: str):
    with pytest.raises(errors.BadAnswer, match="is not supported"):
        Body(encoding=encoding, limit=1, what="GET x")


def test_a_truncated_stream_is_refused():
    body = Body(encoding="gzip", limit=10_000, what="GET x")
    body.feed(gzip.compress(TEXT)[:-9])
    with pytest.raises(errors.BadAnswer, match="ends in the middle"):
        body.finish()


def test_what_is_not_compressed_is_refused():
    body = Body(encoding="gzip", limit=10_000, what="GET x")
    with pytest.raises(errors.BadAnswer, match="is not valid gzip"):
        body.feed(b"plain text")
