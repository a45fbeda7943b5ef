import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.oci import name


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("alpine", "index.docker.io/library/alpine"),
        ("x/y", "index.docker.io/x/y"),
        ("docker.io/x/y", "index.docker.io/x/y"),
        ("docker.io/alpine", "index.docker.io/library/alpine"),
        ("index.docker.io/library/alpine", "index.docker.io/library/alpine"),
        ("ghcr.io/org/app", "ghcr.io/org/app"),
        ("ghcr.io/app", "ghcr.io/app"),
        ("localhost/foo", "index.docker.io/localhost/foo"),
        ("localhost:5000/foo", "localhost:5000/foo"),
        ("[::1]:5000/foo", "[::1]:5000/foo"),
        ("registry.example.com:443/a/b/c_d-e.f", "registry.example.com:443/a/b/c_d-e.f"),
    ],
)
def test_a_name_has_one_canonical_form(text: str, canonical: str):
    assert str(name.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://ghcr.io/a/b", "image 'https://ghcr.io/a/b' should not include URL scheme; remove 'https://'"),
        ("ghcr.io/a/b:1.0", "image 'ghcr.io/a/b:1.0' should not include a tag; remove ':1.0'"),
        ("alpine:3", "image 'alpine:3' should not include a tag; remove ':3'"),
        ("localhost:5000/foo:1", "image 'localhost:5000/foo:1' should not include a tag; remove ':1'"),
        (
            "alpine@sha256:" + "a" * 64,
            f"image 'alpine@sha256:{'a' * 64}' should not include a tag; remove ':{'a' * 64}'",
        ),
        ("", "could not parse reference: "),
        ("a", "could not parse reference: a"),
        ("ghcr.io/Upper", "could not parse reference: ghcr.io/Upper"),
        ("ghcr.io/a/../b", "could not parse reference: ghcr.io/a/../b"),
        ("ghcr.io//a", "could not parse reference: ghcr.io//a"),
        ("user@ghcr.io/a/b", "could not parse reference: user@ghcr.io/a/b"),
        ("ghcr.io/a b", "could not parse reference: ghcr.io/a b"),
        ("ghcr.io/a\n", "could not parse reference: ghcr.io/a\n"),
        ("alpine@sha256:abc", "could not parse reference: alpine@sha256:abc"),
    ],
)
def test_what_is_no_name_is_refused_in_flux_words(text: str, message: str):
    with pytest.raises(name.InvalidName) as raised:
        name.parse(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("localhost:5000/a1", True),
        ("sub.localhost/a1", True),
        ("sub.localhost:80/a1", True),
        ("127.0.0.1:5000/a1", True),
        ("127.0.0.2:5000/a1", False),
        ("[::1]:5000/a1", True),
        ("10.1.2.3/a1", True),
        ("172.31.0.1:5000/a1", True),
        ("172.32.0.1:5000/a1", False),
        ("192.168.1.1/a1", True),
        ("localhost.example.com/a1", False),
        ("registry.local/a1", False),
        ("ghcr.io/a1", False),
    ],
)
def test_plain_http_is_for_names_that_can_only_be_local(text: str, local: bool):
    assert name.parse(text).is_local is local


@given(st.text(max_size=60))
def test_parsing_fails_in_one_way_only(text: str):
    try:
        parsed = name.parse(text)
    except name.InvalidName:
        return
    assert name.parse(str(parsed)) == parsed


@pytest.mark.parametrize("tag", ["1", "latest", "_x", "v1.0.0-rc.1_a", "A" * 128])
def test_the_grammar_knows_a_tag(tag: str):
    assert name.is_tag(tag)


@pytest.mark.parametrize("tag", ["", ".1", "-1", "a" * 129, "a\n", "a b", "é", "\u202e1", "1\x00", "../x", "a:b", "٣"])
def test_the_grammar_knows_what_is_no_tag(tag: str):
    assert not name.is_tag(tag)
