"""Values files, merged as Flux merges them."""

import pytest

from deploy.source.charts import text, values

FILES = {
    "values.yaml": b"image: {tag: one, name: web}\nports: [1, 2]\nreplicas: 1\n",
    "prod.yaml": b"image: {tag: two}\nports: [3]\nreplicas: null\nwords: ['yes', '1e3', '22:22', '0o17', null, '']\n",
    "empty.yaml": b"",
    "list.yaml": b"[1]",
    "bad.yaml": b"a: [",
}


def test_maps_merge_and_the_rest_is_replaced() -> None:
    merged = values.merge(["values.yaml", "prod.yaml", "empty.yaml"], FILES.get, lenient=False)
    assert text.read(merged.content) == {
        "image": {"name": "web", "tag": "two"},
        "ports": [3],
        "replicas": None,
        "words": ["yes", "1e3", "22:22", "0o17", None, ""],
    }
    assert merged.content.startswith(b"image:\n  name: web\n  tag: two\nports:\n- 3\n")
    assert merged.files == ("values.yaml", "prod.yaml", "empty.yaml")


def test_a_missing_file_is_an_error_or_passed_over() -> None:
    with pytest.raises(values.ValuesError, match=r"no values file found at path 'gone\.yaml'"):
        values.merge(["gone.yaml"], FILES.get, lenient=False)
    assert values.merge(["gone.yaml", "prod.yaml"], FILES.get, lenient=True).files == ("prod.yaml",)


@pytest.mark.parametrize("name", ["list.yaml", "bad.yaml"])
def test_what_holds_no_values_is_named(name: str) -> None:
    with pytest.raises(values.ValuesError, match=f"unmarshaling values from '{name}' failed"):
        values.merge([name], FILES.get, lenient=False)
