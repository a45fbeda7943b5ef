"""The verbs on alerts and providers: both are ready by being there."""

import pytest

from image_automation.cli import kinds
from image_automation.cli.verbs.objects import get


@pytest.mark.parametrize(
    ("kind", "columns", "row"),
    [
        (kinds.ALERT, ["NAME", "SUSPENDED", "READY", "MESSAGE"], ["a", "True", "True", "Alert is Ready"]),
        (kinds.PROVIDER, ["NAME", "READY", "MESSAGE"], ["a", "True", "Provider is Ready"]),
    ],
    ids=["alerts", "providers"],
)
def test_the_table_is_fluxs(kind: kinds.Kind, columns: list[str], row: list[str]) -> None:
    query = get.Query(
        cluster=None,  # type: ignore[arg-type] # a row needs none
        all_namespaces=False, labels="", status=None, no_header=False, watch=False, form=None,
    )  # fmt: skip
    obj = {"metadata": {"name": "a"}, "spec": {"suspend": True}}
    assert get._header(query, kind) == columns
    assert get._row(query, kind, obj, prefixed=False) == row
