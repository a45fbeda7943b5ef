"""An index: what is read of it, what is left out, which version is chosen, and how it is stored."""

import json
from typing import Any

import pytest

from deploy.source.charts import index
from deploy.source.charts.index import Brief

INDEX = """\
apiVersion: v1
generated: 2024-05-01T10:00:00.1200Z
entries:
  web:
  - apiVersion: v2
    name: web
    version: 1.0.0
    appVersion: 1.10
    description: "a <b> & c\\u2028"
    created: "2024-05-01T10:00:00+02:00"
    urls: [charts/web-1.0.0.tgz]
    digest: 0123
    home: null
    surprise: never heard of
    maintainers: [{name: A, email: a@example.com}]
    annotations: {z: 1, a: b}
    dependencies: [{name: common, version: 1.x, repository: "", import-values: [data]}]
  - {name: web, version: 1.2.0}
  - null
  - {name: web, version: not-a-version}
  - {name: ../web, version: 3.0.0}
  - {name: web, version: 2.0.0, type: gadget}
  - {name: web, version: 1.10.0-rc.1, dependencies: [{name: a}, {name: a}]}
  empty: []
"""

#: As Go's encoder writes it.
STORED = """\
{
  "apiVersion": "v1",
  "generated": "2024-05-01T10:00:00.12Z",
  "entries": {
    "empty": [],
    "web": [
      {
        "name": "web",
        "version": "1.10.0-rc.1",
        "apiVersion": "v1",
        "dependencies": [
          {
            "name": "a",
            "repository": ""
          },
          {
            "name": "a",
            "repository": ""
          }
        ],
        "urls": null,
        "created": "0001-01-01T00:00:00Z"
      },
      {
        "name": "web",
        "version": "1.2.0",
        "apiVersion": "v1",
        "urls": null,
        "created": "0001-01-01T00:00:00Z"
      },
      {
        "name": "web",
        "version": "1.0.0",
        "description": "a \\u003cb\\u003e \\u0026 c ",
        "maintainers": [
          {
            "name": "A",
            "email": "a@example.com"
          }
        ],
        "apiVersion": "v2",
        "appVersion": "1.1",
        "annotations": {
          "a": "b",
          "z": "1"
        },
        "dependencies": [
          {
            "name": "common",
            "version": "1.x",
            "repository": "",
            "import-values": [
              "data"
            ]
          }
        ],
        "urls": [
          "charts/web-1.0.0.tgz"
        ],
        "created": "2024-05-01T10:00:00+02:00",
        "digest": "83"
      }
    ]
  }
}"""


def test_an_index_is_stored_as_flux_stores_it() -> None:
    assert index.write(index.parse(INDEX.encode())).decode() == STORED


def test_what_is_stored_reads_as_the_same_index() -> None:
    once = index.write(index.parse(INDEX.encode()))
    assert index.write(index.parse(once)) == once


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "empty index.yaml file", id="an empty file"),
        pytest.param("entries: {}", "no API version specified", id="no API version"),
        pytest.param("apiVersion: v1\nentries: []", "entries: is not a map", id="entries that are a list"),
        pytest.param("apiVersion: v1\nentries: {a: {}}", "entries: a: is not a list", id="versions that are a map"),
        pytest.param(
            "apiVersion: v1\nentries: {a: [{name: a, version: [1]}]}",
            "entries: a[0]: version: is not text", id="a version that is a list",
        ),
        pytest.param(
            "apiVersion: v1\nentries: {a: [{name: a, version: 1.0.0, created: soon}]}",
            "entries: a[0]: created: is not a time", id="a time that is none",
        ),
        pytest.param("apiVersion: v1\napiVersion: v1", 'line 2: key "apiVersion" already set', id="a repeated key"),
        pytest.param("<html>Sign in</html>", "is not a map", id="a login page"),
    ],
)  # fmt: skip
def test_what_is_no_index_is_refused_by_the_field(text: str, complaint: str) -> None:
    with pytest.raises(index.InvalidIndex) as raised:
        index.parse(text.encode())
    assert complaint in str(raised.value)


def versions(*listed: str | tuple[str, str]) -> list[Brief]:
    pairs = [(each, "2024-01-01T00:00:00Z") if isinstance(each, str) else each for each in listed]
    return [Brief(name="web", version=version, created=created) for version, created in pairs]


@pytest.mark.parametrize(
    ("listed", "wanted", "chosen"),
    [
        pytest.param(["1.0.0", "2.0.0", "2.1.0-rc.1"], "*", "2.0.0", id="any version is the highest release"),
        pytest.param(["1.0.0", "2.0.0"], "", "2.0.0", id="none wanted is any"),
        pytest.param(["2.1.0-rc.1", "2.0.0"], ">=1.0.0-0", "2.1.0-rc.1", id="a prerelease where the range has one"),
        pytest.param(["1.0.0", "1.5.0", "2.0.0"], "1.x", "1.5.0", id="a range"),
        pytest.param(["v1.0", "odd", "1.0.0"], "odd", "odd", id="an exact name needs no version"),
        pytest.param(["1.0", "0.9.0"], "*", "0.9.0", id="two numbers are no version to Flux"),
        pytest.param(
            [("1.0.0+a", "2024-01-02T00:00:00.9Z"), ("1.0.0+b", "2024-01-02T00:00:00.95Z")], "1.0.0", "1.0.0+b",
            id="of equal versions the one made last",
        ),
    ],
)  # fmt: skip
def test_a_version_is_chosen(listed: list[str | tuple[str, str]], wanted: str, chosen: str) -> None:
    for order in (listed, listed[::-1]):
        assert index.choose(versions(*order), "web", wanted).version == chosen


@pytest.mark.parametrize(
    ("name", "wanted", "complaint"),
    [
        ("other", "*", "no chart name found"),
        ("empty", "*", "no chart version found"),
        ("web", ">=5", "no 'web' chart with version matching '>=5' found"),
        ("web", "five", 'improper constraint: "five"'),
    ],
)
def test_why_there_is_no_version_is_said(name: str, wanted: str, complaint: str) -> None:
    stored = index.Stored(STORED.encode())
    with pytest.raises((index.NoChart, ValueError)) as raised:
        stored.choose(name, wanted)
    assert complaint in str(raised.value)


def test_what_another_stored_is_read_leniently() -> None:
    found: dict[str, Any] = json.loads(STORED)
    found["entries"]["web"][1]["urls"] = ["https://example.com/web.tgz"]
    chosen = index.Stored(json.dumps(found).encode()).choose("web", "1.2.0")
    assert (chosen.version, chosen.urls) == ("1.2.0", ("https://example.com/web.tgz",))
