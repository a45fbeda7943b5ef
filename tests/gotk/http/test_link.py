import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gotk.http import errors, link

CURRENT = URL("https://reg.io:8443/v2/a/tags/list?n=2")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ('</v2/a/tags/list?last=b&n=2>; rel="next"', "https://reg.io:8443/v2/a/tags/list?last=b&n=2"),
        ('<https://reg.io:8443/v2/a/tags/list?last=b>; rel="next"', "https://reg.io:8443/v2/a/tags/list?last=b"),
        ('<http://reg.io/v2/a/tags/list?last=b>; rel="next"', "https://reg.io:8443/v2/a/tags/list?last=b"),
        ('<?last=b&n=2>; rel="next"', "https://reg.io:8443/v2/a/tags/list?last=b&n=2"),
        ("<?last=b>;rel=next", "https://reg.io:8443/v2/a/tags/list?last=b"),
        ('<?last=a>; rel="prev", <?last=b>; title="x, y"; rel="next"', "https://reg.io:8443/v2/a/tags/list?last=b"),
        ('</v2/a/tags/list?last=x%2Fy%2Bz>; rel="next"', "https://reg.io:8443/v2/a/tags/list?last=x%2Fy%2Bz"),
        ('</internal/v2/a/tags/list?last=b>; rel="next"', "https://reg.io:8443/v2/a/tags/list?last=b"),
        ("</v2/a/tags/list?n=2&last=1.1.0>", "https://reg.io:8443/v2/a/tags/list?n=2&last=1.1.0"),
        ('<?last=b>; title="more"', "https://reg.io:8443/v2/a/tags/list?last=b"),
        ("<?last=a>; rel=prev, <?last=b>", "https://reg.io:8443/v2/a/tags/list?last=b"),
        ("<?last=a>, <?last=b>; rel=next", "https://reg.io:8443/v2/a/tags/list?last=b"),
        ("<?last=a>; rel=first, <?last=b>; rel='NEXT'", "https://reg.io:8443/v2/a/tags/list?last=b"),
        (', <?last=b> ; REL = "next" ,', "https://reg.io:8443/v2/a/tags/list?last=b"),
        ("<?last=b>; rel=next; rel=prev", "https://reg.io:8443/v2/a/tags/list?last=b"),
        ('<?last=a,b>; rel="prev  next"', "https://reg.io:8443/v2/a/tags/list?last=a,b"),
        ("<list?last=b>; rel=next", "https://reg.io:8443/v2/a/tags/list?last=b"),
        ("<./list?last=b#x>; rel=next", "https://reg.io:8443/v2/a/tags/list?last=b"),
        (" , ", None),
        ('<?last=b>; rel="nextish"', None),
        ('<?last=b>; rel="prev"', None),
    ],
    ids=[
        "none",
        "empty",
        "relative",
        "absolute",
        "scheme and port lost behind a proxy",
        "query only",
        "bare word",
        "second of two",
        "escapes are kept",
        "a path that only its proxy knows",
        "no relation",
        "another parameter only",
        "the one that says nothing of two",
        "the one that says so of two",
        "single quotes and capitals",
        "blanks everywhere",
        "a relation twice",
        "several relations",
        "relative to the page",
        "relative with a fragment",
        "only separators",
        "another relation",
        "backwards only",
    ],
)
def test_the_next_page_is_on_the_same_origin(header: str | None, expected: str | None):
    found = link.next_page(CURRENT, header)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(
    "target",
    [
        "https://reg.io.evil.tld/v2/a/tags/list",
        "//evil.tld/v2/a/tags/list",
        "https://user:pass@reg.io:8443/v2/a/tags/list",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
    ],
)
def test_a_page_elsewhere_is_refused(target: str):
    with pytest.raises(errors.BadAnswer, match=r"leads away|no URL"):
        link.next_page(CURRENT, f'<{target}>; rel="next"')


@pytest.mark.parametrize(
    "header",
    ["?last=b", "/v2/a/tags/list?last=b; rel=next", "<?last=b", "<?last=a>; rel=prev, ?last=b", '<?last=b>; rel="next'],
)
def test_a_header_that_cannot_be_read_is_no_end_of_the_list(header: str):
    with pytest.raises(errors.BadAnswer, match="the link to the next page cannot be read"):
        link.next_page(CURRENT, header)


@given(st.text(alphabet=st.sampled_from('<>;,="relnxt?/: [\\]@%'), max_size=120))
def test_any_header_is_a_page_of_the_origin_or_an_error(header: str):
    try:
        found = link.next_page(CURRENT, header)
    except errors.BadAnswer:
        return
    assert found is None or found.origin() == CURRENT.origin()


def test_a_long_hostile_header_is_read_in_no_time():
    assert link.next_page(CURRENT, "<?a>" + "; " * 100_000) == URL("https://reg.io:8443/v2/a/tags/list?a")
    for header in ("<a>" + ";a=" * 100_000, '<a>; rel="' + " next" * 100_000, "<a>," * 100_000):
        with pytest.raises(errors.BadAnswer, match="the link to the next page cannot be read"):
            link.next_page(CURRENT, header)
