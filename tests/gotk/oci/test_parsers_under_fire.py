"""The readers of what a registry sends, under generated input: their own errors or a sound result, nothing else.

Random text hardly ever reaches the depth of a parser, so most inputs here are sound ones with a few bytes changed.
"""

import json
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from gotk.http import link, pace
from gotk.oci import challenge, errors, name, tags
from tests.damage import damaged

CURRENT = URL("https://reg.io:8443/v2/a/tags/list?n=2")
OCI_TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
TEXTS = st.text(max_size=12) | OCI_TAGS
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.sampled_from(["tags", "errors"]), inner),
    max_leaves=10,
)
WORDS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30)
SCHEMES = st.sampled_from(["Bearer", "Basic", "Negotiate", "digest"])


@given(st.lists(TEXTS, max_size=8), st.booleans())
def test_a_sound_page_reads_back_as_itself(entries: list[str], ascii_only: bool):
    body = json.dumps({"name": "app", "tags": entries}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert tags.read_page(body, content_type="application/json", what="GET x") == entries


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b'{"tags":["\xff"]}')
@example(b'{"tags":["\\ud800"]}')
@example(b'{"tags":[1e999]}')
@example(b'{"tags":null,"errors":[]}')
@example(b'{"tags":null,"tags":["1"]}')
@example(b'\xef\xbb\xbf{"tags":[]}')
def test_any_body_is_a_page_of_texts_or_a_bad_answer(body: bytes):
    try:
        found = tags.read_page(body, content_type="", what="GET x")
    except errors.BadAnswer as error:
        assert str(error).isprintable()  # noqa: PT017 - or no error
        return
    assert all(isinstance(entry, str) for entry in found)
    kept = list(filter(name.is_tag, found))
    assert all(entry.isascii() and 0 < len(entry) <= 128 for entry in kept)
    # What was kept, written down and read again, is what was kept.
    again = json.dumps({"tags": kept}).encode()
    assert list(filter(name.is_tag, tags.read_page(again, content_type="", what=""))) == kept


@given(damaged(st.lists(OCI_TAGS, max_size=5).map(lambda entries: json.dumps({"name": "a", "tags": entries}))))
def test_a_damaged_page_is_a_bad_answer_or_a_list(text: str):
    try:
        tags.read_page(text.encode(), content_type="application/json", what="GET x")
    except errors.BadAnswer as error:
        assert str(error).startswith("GET x: the answer ")  # noqa: PT017 - or no error


@given(st.lists(st.tuples(SCHEMES, st.dictionaries(WORDS, VALUES, min_size=1, max_size=4)), min_size=1, max_size=3))
def test_challenges_that_are_written_read_back(wanted: list[tuple[str, dict[str, str]]]):
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        f"{scheme} " + ",".join(f"{key}={quoted(value)}" for key, value in parameters.items())
        for scheme, parameters in wanted
    )
    assert [(found.scheme, found.parameters) for found in challenge.parse(header)] == [
        (scheme.lower(), parameters) for scheme, parameters in wanted
    ]


SOUND_CHALLENGES = st.sampled_from(
    [
        'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull"',
        'Negotiate YII=, Basic realm="x \\"y\\""',
        'Basic realm="x", Bearer realm="https://a" , service=s',
    ]
)


@given(damaged(SOUND_CHALLENGES) | st.text(max_size=80))
def test_a_damaged_challenge_is_none_or_one_that_can_be_answered(header: str):
    for found in challenge.parse(header):
        assert found.scheme == found.scheme.lower() != ""
        assert all(key == key.lower() for key in found.parameters)
    strongest = challenge.strongest([header])
    assert strongest is None or strongest.scheme == "basic" or strongest.parameters["realm"]


SOUND_LINKS = st.sampled_from(
    [
        '</v2/a/tags/list?last=b&n=2>; rel="next"',
        '<https://reg.io:8443/v2/a/tags/list?last=x%2Fy%2Bz>; rel=next; title="x, <y>"',
        '<?last=a>; rel="prev", <?last=b>; rel="prev next"',
    ]
)


@given(damaged(SOUND_LINKS))
@example("<https://reg.io:8443//evil.tld/v2/a/tags/list>; rel=next")
@example("<////evil.tld/v2/a/tags/list>; rel=next")
@example("<https://reg.io:reg.io/v2/a/tags/list>; rel=next")
def test_a_damaged_link_is_a_page_of_the_origin_or_a_bad_answer(header: str):
    try:
        found = link.next_page(CURRENT, header)
    except errors.BadAnswer as error:
        assert str(error).isprintable()  # noqa: PT017 - or no error
        return
    if found is not None:
        assert (found.origin(), found.user, found.scheme) == (CURRENT.origin(), None, "https")
        # Where the page after this one is does not depend on how often it is asked.
        assert link.next_page(found, header) is None or link.next_page(found, header) == link.next_page(found, header)


@given(st.text("abcxyz0189-._~%/?=&", max_size=30))
def test_a_link_to_a_cursor_keeps_the_cursor(cursor: str):
    try:
        target = URL(f"/v2/a/tags/list?last={cursor}", encoded=True)
    except ValueError:
        return
    found = link.next_page(CURRENT, f'<{target.raw_path_qs}>; rel="next"')
    assert found is not None
    assert found.raw_path_qs == target.raw_path_qs
    assert link.next_page(found, f'<{found}>; rel="next"') == found


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(
    st.text(max_size=70)
    | st.integers().map(str)
    | st.datetimes().map(lambda d: d.strftime("%a, %d %b %Y %H:%M:%S GMT"))
)
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("٣")
@example("9" * 64)
def test_any_retry_after_is_none_or_within_the_hour(header: str):
    seconds = pace.retry_after(header, now=NOW)
    assert seconds is None or 0 <= seconds <= 3600


@given(st.text(max_size=700))
def test_whatever_a_registry_says_becomes_one_short_printable_line(text: str):
    said = errors.printable(text)
    assert said.isprintable()
    assert len(said) <= 303
    assert errors.printable(said) == said or len(text) > 300


@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps({"errors": value}).encode()))
def test_any_error_body_is_described_in_printable_words(body: bytes):
    assert errors.described(body).isprintable() or errors.described(body) == ""


@given(st.text(max_size=40) | st.text("abz09./:@-_ALPHA~[]%", max_size=40))
def test_any_text_is_an_image_name_or_an_invalid_one(text: str):
    try:
        repository = name.parse(text)
    except name.InvalidName:
        return
    # A canonical name is its own canonical name, and no URL made of it leads elsewhere.
    assert name.parse(str(repository)) == repository
    url = URL(f"https://{repository.registry}") / "v2" / repository.path / "tags/list"
    assert url.path == f"/v2/{repository.path}/tags/list"
    assert (
        url.raw_authority.lower().rstrip(":") == repository.registry.lower().rstrip(":") or ":" in repository.registry
    )
