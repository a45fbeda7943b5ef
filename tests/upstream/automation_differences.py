"""What ours does otherwise on purpose in the table of ImageUpdateAutomations, why, and in which facets it shows.

A test fails when a facet differs that is not named here, and when one that is named no longer differs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Why something differs, and where."""

    why: str
    facets: frozenset[str]


_WORDS = ("conditions", "events", "kubernetes")
_RUN = (*_WORDS, "bytes", "history", "messages", "people", "references", "status", "values")


def _in(facets: tuple[str, ...], cases: dict[str, str]) -> dict[str, Difference]:
    return {name: Difference(why, frozenset(facets)) for name, why in cases.items()}


CASES: dict[str, Difference] = {
    **_in(
        ("events", "kubernetes", "messages"),
        {
            "default-message": "below Flux's line stands what changed",
            "message-with-carriage-returns": "a message holds no control characters",
            "message-with-control-characters": "a message holds no control characters",
        },
    ),
    **_in(
        _WORDS,
        {
            "template-that-does-not-parse": "a column is named, too",
            "template-of-an-unknown-field": "the place is named by its column, not by its text",
            "template-of-an-unknown-function": "a column is named, too",
            "template-that-fails": "the place is named by its column, not by its text",
            "policy-of-no-image": "which part of the reference is wrong is named",
            "policy-of-no-tag": "which part of the reference is wrong is named",
            "policy-of-no-digest": "which part of the reference is wrong is named",
            "push-branch-that-a-branch-is-in-the-way-of": "the branch is named, not a temporary folder",
            "no-reference-and-a-push-branch": "the branch that was looked for is named",
            "source-of-no-address": "another library's words",
            "source-of-no-repository": "another library's words",
            "source-that-is-empty": "it is said, where Flux panics",
            "path-that-is-missing": "the path is named, not a temporary folder",
            "signed-with-no-key": "another library's words",
            "signed-with-no-ssh-key": "another library's words",
        },
    ),
    **_in(
        ("conditions",),
        dict.fromkeys(
            ("policy-without-an-image", "policy-that-is-missing", "policy-of-another-namespace"),
            "a marker without effect is named behind Flux's message",
        ),
    ),
    **_in(("people",), {"author-without-a-name": "the email is the name, for Git wants one"}),
    **_in(
        ("events", "kubernetes"),
        {
            "mended-template": "the place is named by its column, not by its text",
            "race": "a lost race is run again at once, and is no failure",
            "race-over-the-same-value": "a lost race is run again at once, and is no failure",
        },
    ),
    **_in((*_WORDS, "status"), {"push-branch-that-is-no-name": "it can never be pushed, so the automation is stalled"}),
    **_in(
        ("events", "kubernetes", "references", "status"),
        {"push-refspec-of-head": "it is pushed, where Flux fails with 'already up-to-date' and forgets it"},
    ),
    **_in(
        ("status",),
        {"checkout-of-a-name-that-is-the-push-branch": "it is one branch, whose new commit is the one observed"},
    ),
    **_in(
        _RUN,
        {
            "annotated-with-another-path": "annotations of a file's object do not say where the file is",
            "policy-with-a-digest-and-no-tag": "name@digest is an image reference, too",
            "push-refspec-that-is-none": "nothing is pushed, where Flux pushes the branch and fails after it",
            "push-refspec-of-an-unknown-branch": "it is refused, where Flux says that it was pushed",
            "push-options": "options that the server does not take are an error, where Flux drops them",
            "checkout-of-a-commit-of-a-branch": "it is pushed to the branch, where Flux pushes a HEAD and fails",
        },
    ),
    **_in(
        tuple(set(_RUN) - {"conditions"}),
        {"push-branch-again": "a push branch of our own is made anew; stacking is `push-branch-stacked`"},
    ),
}

_ANEW = (
    "list-items", "value-that-is-null", "value-on-the-next-line", "anchors", "anchors-merged", "comment-with-a-tab",
    "flow-style", "flow-style-over-lines", "multi-document", "document-start", "document-start-with-a-comment", "crlf",
    "bom", "no-line-end", "odd-indentation", "lists-indented-both-ways", "long-lines", "wide-characters", "blank-lines",
    "tabs-after",
)  # fmt: skip

FILES: dict[str, Difference] = {
    **_in(("bytes",), dict.fromkeys(_ANEW, "Flux writes the whole file anew; ours replaces the marked values")),
    **_in(("bytes", "values"), {"annotated-with-an-index": "Flux takes annotations of its library away"}),
    **_in(
        ("message",),
        dict.fromkeys(("links", "link-to-a-file-of-another-name"), "the file is named that a link leads to, and once"),
    ),
    **_in(
        ("bytes", "message", "values"),
        {
            "value-with-a-yaml-tag": "what is declared no text is left alone",
            "value-that-is-a-template": "a template expression is left alone",
            "list-of-objects": "the list is updated, where Flux writes its items into other files",
            "resource-list": "the list is updated, where Flux writes its items into other files",
            "top-level-list": "a document that is a list is updated, where Flux skips its file",
            "top-level-scalar": "a document that is a scalar is updated, where Flux skips its file",
            "sops": "a file of SOPS is left alone, for its checksum would no longer fit",
        },
    ),
}
