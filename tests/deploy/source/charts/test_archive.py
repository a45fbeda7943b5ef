"""A packaged chart is read within limits, and what is no chart is named."""

import tarfile

import pytest

from deploy.source.charts import archive
from tests.deploy.source.charts.packed import chart, tgz


def link(name: str, target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def test_a_chart_is_read_with_its_files() -> None:
    found = archive.read(chart("1.2.3", appVersion="1.10"))
    assert (found.metadata.name, found.metadata.version, found.metadata.app_version) == ("web", "1.2.3", "1.1")
    assert set(found.files) == {"Chart.yaml", "values.yaml", "templates/config.yaml"}


def test_an_older_chart_says_its_dependencies_in_a_file_of_its_own() -> None:
    requirements = {"requirements.yaml": b"dependencies: [{name: db, version: 1.x, repository: ''}]"}
    assert [each.name for each in archive.read(chart(more=requirements)).metadata.dependencies] == ["db"]


def test_a_link_is_passed_over() -> None:
    packed = tgz({"web/Chart.yaml": b"name: web\nversion: 1.0.0\n", "web/secret": link("web/secret", "/etc/passwd")})
    assert set(archive.read(packed).files) == {"Chart.yaml"}


HUGE = tarfile.TarInfo("web/huge")
HUGE.size = 6 << 20


@pytest.mark.parametrize(
    ("packed", "complaint"),
    [
        pytest.param(b"no archive", "not a packaged chart: Not a gzipped file", id="no archive"),
        pytest.param(chart()[:200], "not a packaged chart", id="half an archive"),
        pytest.param(tgz({"web/values.yaml": b""}), "no 'Chart.yaml' found", id="no Chart.yaml"),
        pytest.param(tgz({"web/../../x": b""}), "chart illegally references parent directory", id="a way out"),
        pytest.param(tgz({"web//etc/x": b""}), "chart illegally contains absolute paths", id="an absolute path"),
        pytest.param(tgz({"x": b""}), "content outside the base directory: x", id="a file beside the chart"),
        pytest.param(tgz({"web/c:/x": b""}), "chart contains illegally named files", id="a drive"),
        pytest.param(tgz({"web/a": b"x" * HUGE.size}), "size of 'a' exceeds '5242880' bytes limit", id="a large file"),
        pytest.param(chart("one"), 'chart.metadata.version "one" is invalid', id="a version that is none"),
        pytest.param(chart(name=".."), "chart illegally references parent directory", id="a name that is a way out"),
        pytest.param(chart(type="gadget"), "type must be application or library", id="an unknown type"),
        pytest.param(chart(dependencies="[1]"), "dependencies: is not a map", id="dependencies that are none"),
    ],
)
def test_what_is_no_chart_is_refused(packed: bytes, complaint: str) -> None:
    with pytest.raises(archive.ChartError) as raised:
        archive.read(packed)
    assert complaint in str(raised.value)


def test_all_that_unfolds_is_counted_headers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_LARGEST_WHOLE", 1 << 20)
    entry = tarfile.TarInfo("web/x")
    entry.pax_headers = {"comment": "x" * (2 << 20)}
    for packed in (tgz({"x": entry}), tgz({"web/a": bytes(1 << 20), "web/b": b"x"})):
        with pytest.raises(archive.ChartError, match="chart unfolds to more than 1048576 bytes"):
            archive.read(packed)


def test_entries_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MOST_ENTRIES", 3)
    with pytest.raises(archive.ChartError, match="chart has more than 3 entries"):
        archive.read(tgz({f"web/{number}": b"" for number in range(4)}))
