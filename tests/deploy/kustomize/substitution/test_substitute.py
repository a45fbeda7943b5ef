"""Post-build substitution: Flux's grammar, corner by corner."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.kustomize.substitution import substitute
from deploy.kustomize.substitution.substitute import SubstitutionError

VARIABLES = {
    "v": "Hello/World",
    "path": "/usr/local/bin/app.tar.gz",
    "empty": "",
    "tag": "1.2.3",
    "umlaut": "äöü",
    "quote": '"',
    "_x1": "underscore",
}

RESULTS = {
    "plain": ("a ${v} b", "a Hello/World b"),
    "bare variable is literal": ("$v $ v$", "$v $ v$"),
    "escaped": ("$${v}", "${v}"),
    "escaped twice": ("$$$${v}", "$${v}"),
    "dollar before a substitution": ("$$$v", "$$v"),
    "value is not looked at again": ("${quote}${v}${quote}", '"Hello/World"'),
    "colon dash default": ("${nope:-d}", "d"),
    "colon equals default": ("${nope:=d}", "d"),
    "equals default": ("${nope=d}", "d"),
    "plus is a default too": ("${nope:+d}", "d"),
    "question mark is a default too": ("${nope:?d}", "d"),
    "default of an empty value": ("${empty:-d}", "d"),
    "empty default": ("${nope:-}", ""),
    "default not needed": ("${tag:-d}", "1.2.3"),
    "nested default": ("${nope:-${tag}-x}", "1.2.3-x"),
    "text before a nested default": ("${nope:-x-${tag}}", "x-1.2.3"),
    "deeply nested default": ("${nope:-${nope2:-${nope3:-end}}}", "end"),
    "default with an equals sign": ("${nope:==}", "="),
    "default over lines": ("${nope:-a\nb}", "a\nb"),
    "dollars in a default": ("${nope:-a$$b}", "a$$b"),
    "length in bytes": ("${#umlaut}", "6"),
    "upper first": ("${_x1^}", "Underscore"),
    "upper all": ("${_x1^^}", "UNDERSCORE"),
    "lower first": ("${v,}", "hello/World"),
    "lower all": ("${v,,}", "hello/world"),
    "mixed case marks do nothing": ("${v,^}", "Hello/World"),
    "substring": ("${v:6}", "World"),
    "substring with length": ("${v:0:5}", "Hello"),
    "substring from the end": ("${v:-}", "Hello/World"),
    "negative position": ("${tag: -1}", "1.2.3"),
    "length beyond the end": ("${tag:2:100}", "2.3"),
    "position beyond the end": ("${tag:9}", ""),
    "position that is no number": ("${tag:x}", "1.2.3"),
    "nested position": ("${v:${#tag}}", "/World"),
    "shortest prefix": ("${path#*/}", "usr/local/bin/app.tar.gz"),
    "longest prefix": ("${path##*/}", "app.tar.gz"),
    "shortest suffix": ("${path%.*}", "/usr/local/bin/app.tar"),
    "longest suffix": ("${path%%.*}", "/usr/local/bin/app"),
    "question mark matches one": ("${tag#?.}", "2.3"),
    "class": ("${tag#[0-9].}", "2.3"),
    "pattern that does not match": ("${tag#x}", "1.2.3"),
    "malformed pattern": ("${tag#[}", "1.2.3"),
    "replace first": ("${tag/./-}", "1-2.3"),
    "replace all": ("${tag//./-}", "1-2-3"),
    "replace prefix": ("${tag/#1./v}", "v2.3"),
    "replace suffix": ("${tag/%.3/x}", "1.2x"),
    "remove all": ("${tag//./}", "123"),
    "nothing to replace a prefix with": ("${tag/#1/}", "1.2.3"),
    "escaped slash": ("${v/\\//-}", "Hello-World"),
    "escaped backslash": ("${v/o\\//\\\\}", "Hell\\World"),
    "nested replacement": ("${tag/1/${v}}", "Hello/World.2.3"),
}


#: What Flux's own code makes of expressions, recorded: every operator with arguments of every shape.
FLUX = json.loads((Path(__file__).parent / "flux_answers.json").read_text())


def ours(text: str) -> str:
    try:
        return "result: " + substitute.substitute(text, FLUX["variables"], strict=True)
    except SubstitutionError as error:
        return f"error: {error}"


def test_every_expression_becomes_what_flux_makes_of_it() -> None:
    recorded = {text: f"result: {result}" for text, result in FLUX["results"].items()}
    recorded |= {text: f"error: {message}" for text, message in FLUX["errors"].items()}
    assert len(recorded) > 3000
    assert {text: ours(text) for text in recorded} == recorded


LIKE_FLUX = {
    "slashes between the parts of a replacement count as one": ("${v/World//Moon}", "Hello/Moon"),
    "a replacement behind two slashes may be nested": ("${v/none//${tag}}", "Hello/World"),
    "a replacement behind three slashes": ("${v/World///Moon}", "Hello/Moon"),
    "a class cuts no suffix": ("${tag%.[0-9]}", "1.2.3"),
    "a class cuts no longest suffix": ("${tag%%[.]*}", "1.2.3"),
    "an escape cuts no suffix": ("${path%\\.gz}", "/usr/local/bin/app.tar.gz"),
    "a class that is written backwards does": ("${tag%]9-0[}", "1.2."),
}


@pytest.mark.parametrize(("text", "expected"), LIKE_FLUX.values(), ids=LIKE_FLUX.keys())
def test_what_is_odd_in_flux_is_odd_here(text: str, expected: str) -> None:
    assert substitute.substitute(text, VARIABLES, strict=True) == expected


WHOLE_CHARACTERS = {"a question mark": ("${umlaut%?}", "äö"), "a star": ("${umlaut#*}", "öü")}


@pytest.mark.parametrize(("text", "expected"), WHOLE_CHARACTERS.values(), ids=WHOLE_CHARACTERS.keys())
def test_a_pattern_cuts_whole_characters_where_flux_cuts_bytes(text: str, expected: str) -> None:
    assert substitute.substitute(text, VARIABLES, strict=True) == expected


def test_text_that_cannot_be_read_is_told_before_a_variable_that_is_not_set() -> None:
    with pytest.raises(SubstitutionError, match="missing closing brace"):
        substitute.substitute("${nope} ${v", {}, strict=True)


@pytest.mark.parametrize(("text", "expected"), RESULTS.values(), ids=RESULTS.keys())
def test_result(text: str, expected: str) -> None:
    assert substitute.substitute(text, VARIABLES, strict=True) == expected


ERRORS = {
    "unset variable": ("${nope}", 'variable not set (strict mode): "nope"'),
    "unset variable in a function": ("${nope^}", 'variable not set (strict mode): "nope"'),
    "unset variable in a default that is not needed": (
        "${tag:-${nope}}",
        'variable not set (strict mode): "nope"',
    ),
    "minus without a colon": ("${v-d}", "missing closing brace"),
    "plus without a colon": ("${v+d}", "missing closing brace"),
    "question mark without a colon": ("${v?d}", "missing closing brace"),
    "no brace": ("${v", "missing closing brace"),
    "no name": ("${}", "unable to parse variable name"),
    "space": ("${ v }", "unable to parse variable name"),
    "a GitHub expression": ("${{ github.ref }}", "unable to parse variable name"),
    "default without a brace": ("${v:-d", "unable to parse substitution within function"),
    "empty position": ("${v:}", "unable to parse substitution within function"),
    "empty pattern": ("${v#}", "unable to parse substitution within function"),
    "length of nothing": ("${#}", "bad substitution"),
    "three carets": ("${v^^^}", "bad substitution"),
    "one slash": ("${v/x}", "bad substitution"),
    "negative length": ("${v:3:-2}", "bad substitution: the length of a substring is negative"),
    "half a character": ("${umlaut:1}", "bad substitution: the substring cuts a character in two"),
    "nested beyond reason": ("${a:-" * 5000, "substitutions nested deeper than 100 levels"),
}


@pytest.mark.parametrize(("text", "expected"), ERRORS.values(), ids=ERRORS.keys())
def test_error(text: str, expected: str) -> None:
    with pytest.raises(SubstitutionError) as raised:
        substitute.substitute(text, VARIABLES, strict=True)
    assert str(raised.value) == expected


def test_unset_variables_are_empty_where_not_strict() -> None:
    assert substitute.substitute("a${nope}b${#nope}", {}, strict=False) == "ab0"


@pytest.mark.parametrize("name", ["1a", "a-b", "a.b", "", "ä"])
def test_variable_names_are_checked(name: str) -> None:
    with pytest.raises(SubstitutionError, match="var name is invalid, must match"):
        substitute.check_names({"fine": "", name: ""})


@given(st.text(alphabet=st.characters(exclude_characters="$")))
def test_text_without_dollars_stays(text: str) -> None:
    assert substitute.substitute(text, {}, strict=True) == text


@given(st.text())
def test_doubling_every_dollar_is_undone(text: str) -> None:
    assert substitute.substitute(text.replace("$", "$$"), {}, strict=True) == text


@given(st.text(alphabet="${}:-=+?#%^,/\\*[]v0 \nä", max_size=40), st.text(max_size=8))
def test_any_text_gives_a_result_or_an_error(text: str, value: str) -> None:
    with contextlib.suppress(SubstitutionError):
        substitute.substitute(text, {"v": value, "v0": "x"}, strict=False)


@given(st.text(alphabet="ab*?[]^-\\", max_size=30), st.text(alphabet="ab", max_size=60))
def test_trimming_leaves_a_part_of_the_value(pattern: str, value: str) -> None:
    result = substitute.substitute("${v##" + pattern.replace("}", "") + "x:-}", {"v": value}, strict=False)
    assert value.endswith(result)


def test_many_substitutions_beside_each_other_are_not_nested() -> None:
    text = "\n".join(f"k{number}: ${{v}}" for number in range(1000))
    assert substitute.substitute(text, {"v": "x"}, strict=True) == text.replace("${v}", "x")
