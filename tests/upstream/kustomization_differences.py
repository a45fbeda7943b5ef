"""What ours does otherwise on purpose in the table of Kustomizations, why, and in which facets it shows."""

from tests.upstream.automation_differences import Difference

_WORDS = frozenset({"conditions", "events", "kubernetes"})


def _all(facets: frozenset[str], why: str, *names: str) -> dict[str, Difference]:
    return {name: Difference(why, facets) for name in names}


CASES: dict[str, Difference] = {
    **_all(
        frozenset({"conditions"}),
        "a condition's message ends without a line break",
        "apply-failure",
        "apply-failure-after-some",
        "apply-failure-of-a-missing-namespace",
        "apply-failure-of-an-unknown-kind",
        "force-not",
        "substitute-of-a-number",
    ),
    **_all(
        _WORDS,
        "a file or folder is named by its path in the source, not by that of a temporary folder",
        "broken-after",
        "build-failure",
        "build-failure-of-a-kustomization",
        "components-missing",
        "duplicates",
        "no-object",
        "path-missing",
        "path-that-climbs",
        "retry-interval-left-out",
    ),
    **_all(
        _WORDS - {"conditions"},
        "a file or folder is named by its path in the source, not by that of a temporary folder",
        "broken-then-mended",
    ),
    **_all(
        frozenset({"kubernetes"}),
        "an event that no alert sees says what is waited for",
        "depends-on-itself",
        "depends-on-what-is-missing",
        "depends-on-what-is-not-ready",
        "source-missing",
        "source-without-an-artifact",
    ),
}
