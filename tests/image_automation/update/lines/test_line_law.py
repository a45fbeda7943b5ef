"""The law: whatever the text file, no byte outside the marked words changes, and rewriting twice is rewriting once.

Judged without the rewriter's own reading: with each new value taken back for the old one the file is as it was.
"""

from hypothesis import given
from hypothesis import strategies as st

from image_automation.update import texts
from image_automation.update.lines.kinds import BY_KEY, Kind
from image_automation.update.result import FileResult
from tests.laws import thorough

VALUES = {
    "n:p": "g.io/o/app:9.9-new",
    "n:p:tag": "9.9-new",
    "n:p:name": "g.io/o/app",
    "n:p:digest": "sha256:" + "ab" * 32,
}
MARKERS = st.sampled_from([f'{{"$imagepolicy": "{setter}"}}' for setter in (*VALUES, "n:q", "n:p:x")])
PIECES = (
    st.sampled_from(
        ["a/app:1", "1.0", "sha256:" + "0" * 64, "KEY", "=", " = ", ":", ": ", "imagepolicy", "FROM ", "${"]
    )
    | st.sampled_from(list("\"'`\\${}#;, \t(]@\xe9\xff\0"))
    | st.sampled_from(["//", "/*", "*/", "--"])
    | st.characters(max_codepoint=255)
)
SIGNS = st.sampled_from(["# ", " # ", "\t// ", " /* ", " -- ", " ; ", "#"])
ENDS = st.sampled_from(["", " */", " ", "\t", ",", " x"])
BREAKS = st.sampled_from(["\n", "\r\n", "\r", ""])
KINDS = st.sampled_from(sorted(BY_KEY.values(), key=lambda kind: kind.key))


@st.composite
def lines(draw: st.DrawFn) -> str:
    text = "".join(draw(st.lists(PIECES, max_size=8)))
    marker = draw(SIGNS) + draw(MARKERS) + draw(ENDS) if draw(st.booleans()) else ""
    return text + marker + draw(BREAKS)


FILES = st.builds(
    lambda bom, many: bom + "".join(many), st.sampled_from(["", "\xef\xbb\xbf"]), st.lists(lines(), max_size=8)
)
PLAIN = st.builds(
    lambda before, quote, value, marker, sign: f"{before}{quote}{value}{quote} {sign} {marker}\n",
    st.sampled_from(["K=", "K = ", "K: ", "x ", "", "a='b' K="]), st.sampled_from(['"', "'", ""]),
    st.sampled_from(["a/app:1", "1.0", "a/app", "sha256:" + "0" * 64]), MARKERS,
    st.sampled_from(["#", "//", "--", ";"]),
)  # fmt: skip


def taken_back(result: FileResult) -> bytes:
    """Put each old value, in order, where its new one is, which nothing but the rewriter can have written."""
    rest, back = result.content or b"", b""
    for change in result.changes:
        assert change.new == VALUES[change.setter]
        before, _, rest = rest.partition(change.new.encode())
        back += before + change.old.encode()
    return back + rest


@thorough(500)
@given(FILES | st.lists(PLAIN, max_size=5).map("".join), KINDS)
def test_only_marked_words_change_and_twice_is_once(text: str, kind: Kind):
    data = text.encode("latin-1")
    result = texts.rewritten("f", data, VALUES, kind=kind)
    assert not any("would have changed more" in problem.cause for problem in result.problems)
    if result.content is None:
        assert result.changes == ()
        return
    assert taken_back(result) == data
    again = texts.rewritten("f", result.content, VALUES, kind=kind)
    assert again.content is None
    assert (again.problems, again.current) == (result.problems, result.current + len(result.changes))
    kept, got = texts.values(data, kind.key), texts.values(result.content, kind.key)
    assert kept.keys() == got.keys()
