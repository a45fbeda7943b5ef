"""A packaged chart is read within limits, and what is no chart is named."""

import tarfile
import tracemalloc

import pytest

from deploy.source.charts import archive
from tests.artifacts import tarball
from tests.deploy.source import bombs
from tests.deploy.source.charts.packed import chart


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
    packed = tarball(
        {"web/Chart.yaml": b"name: web\nversion: 1.0.0\n", "web/secret": link("web/secret", "/etc/passwd")}
    )
    assert set(archive.read(packed).files) == {"Chart.yaml"}


HUGE = tarfile.TarInfo("web/huge")
HUGE.size = 6 << 20


@pytest.mark.parametrize(
    ("packed", "complaint"),
    [
        pytest.param(b"no archive", "not a packaged chart: Not a gzipped file", id="no archive"),
        pytest.param(chart()[:200], "not a packaged chart", id="half an archive"),
        pytest.param(tarball({"web/values.yaml": b""}), "no 'Chart.yaml' found", id="no Chart.yaml"),
        pytest.param(tarball({"web/../../x": b""}), "chart illegally references parent directory", id="a way out"),
        pytest.param(tarball({"web//etc/x": b""}), "chart illegally contains absolute paths", id="an absolute path"),
        pytest.param(tarball({"x": b""}), "content outside the base directory: x", id="a file beside the chart"),
        pytest.param(tarball({"web/c:/x": b""}), "chart contains illegally named files", id="a drive"),
        pytest.param(
            tarball({"web/a": b"x" * HUGE.size}), "size of 'a' exceeds '5242880' bytes limit", id="a large file"
        ),
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
    for packed in (tarball({"x": entry}), tarball({"web/a": bytes(1 << 20), "web/b": b"x"})):
        with pytest.raises(archive.ChartError, match="chart unfolds to more than 1048576 bytes"):
            archive.read(packed)


CAUSES = {
    "a header of its own for a name": "chart unfolds to more than 1048576 bytes",
    "a long name": "chart unfolds to more than 1048576 bytes",
    "headers of headers": "maximum recursion depth exceeded",
    "what is skipped": "chart unfolds to more than 1048576 bytes",
    "a sparse file": "size of 'h' exceeds '5242880' bytes limit",
    "many sparse files": "chart unfolds to more than 1048576 bytes",
    "a file of less than nothing": "chart unfolds to more than 1048576 bytes",
    "a map of holes that is none": "not a packaged chart: invalid literal for int",
    "a file without its bytes": "not a packaged chart: unexpected end of data",
}


@pytest.mark.parametrize(("bomb", "cause"), CAUSES.items(), ids=CAUSES)
def test_what_unfolds_without_end_is_given_up(bomb: str, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_LARGEST_WHOLE", 1 << 20)
    with pytest.raises(archive.ChartError, match=cause):
        archive.read(bombs.packed(bomb))


@pytest.mark.parametrize(
    ("bomb", "cause"),
    [
        ("a map of holes without end", "an entry has headers of more than 1048576 bytes"),
        ("headers for all", "not a packaged chart: more than 100 global headers"),
        ("long headers for all", "not a packaged chart: global headers of more than 1048576 characters"),
    ],
)
def test_headers_that_add_up_are_given_up(bomb: str, cause: str) -> None:
    with pytest.raises(archive.ChartError, match=f"^{cause}$"):
        archive.read(bombs.packed(bomb))


def test_the_headers_of_what_is_read_already_are_not_kept() -> None:
    packed = bombs.talkative(200)
    tracemalloc.start()
    try:
        with pytest.raises(archive.ChartError, match=r"no 'Chart\.yaml' found"):
            archive.read(packed)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 << 20, "200 headers are of 20 MB"


def test_entries_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MOST_ENTRIES", 3)
    with pytest.raises(archive.ChartError, match="chart has more than 3 entries"):
        archive.read(tarball({f"web/{number}": b"" for number in range(4)}))
