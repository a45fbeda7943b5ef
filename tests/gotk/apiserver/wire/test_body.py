"""Request bodies that nest without end are refused, whatever they are written in."""

import pytest

from gotk.apiserver.wire import body

DEEP = {
    "JSON": b'{"a":' * 201 + b"1" + b"}" * 201,
    "JSON past every limit": b"[" * 1_000_000,
    "YAML on one line": b"a:\n" + b"- " * 100_000 + b"x",
    "YAML in brackets": b"a: " + b"[" * 100_000,
    "aliases": b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 99)),
}


@pytest.mark.parametrize("data", DEEP.values(), ids=DEEP)
def test_a_body_that_nests_or_unfolds_without_end_is_refused(data: bytes):
    with pytest.raises(ValueError, match=r"nested deeper|unfold|recursion|depth|Recursion|unexpected end"):
        body.parse(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":' * 200 + b"1" + b"}" * 200, None),
        (b"a: 1", {"a": 1}),
        (b"", None),
        (b"a: [" + b"{b: 1}, " * 5000 + b"]", {"a": [{"b": 1}] * 5000}),
    ],
    ids=["as deep as may be", "YAML", "nothing", "many brackets"],
)
def test_other_bodies_are_read(data: bytes, value: object):
    assert value is None or body.parse(data) == value


def test_a_second_document_is_refused():
    with pytest.raises(ValueError, match="single document"):
        body.parse(b"a: 1\n---\nb: 2\n")
