"""What is saved comes back; what is damaged, foreign or in use is left alone."""

import io
import sqlite3
import tarfile
from pathlib import Path

import pytest

from gotk.apiserver import ControlPlane
from gotk.apiserver.storage import backup
from gotk.apiserver.storage.database import StoreError
from tests.gotk.apiserver.caller import Caller
from tests.gotk.apiserver.widgets import WIDGETS, WIDGETS_PATH, widget


async def test_a_backup_is_taken_of_a_running_control_plane_and_goes_on_elsewhere(tmp_path: Path) -> None:
    saved, elsewhere = tmp_path / "saved", tmp_path / "elsewhere"
    async with ControlPlane(tmp_path / "plane", crds=[WIDGETS]) as plane, Caller(plane.kubeconfig) as api:
        kept = (await api.post(WIDGETS_PATH, widget("kept"))).body
        report = backup.save(tmp_path / "plane", saved)
        assert report.revision >= int(kept["metadata"]["resourceVersion"])
        await api.post(WIDGETS_PATH, widget("late"))
    backup.restore(elsewhere, saved)
    async with ControlPlane(elsewhere) as plane, Caller(plane.kubeconfig) as api:
        found = (await api.get(WIDGETS_PATH)).body
        assert [item["metadata"]["name"] for item in found["items"]] == ["kept"]
        assert int(found["metadata"]["resourceVersion"]) >= report.revision + backup.LEAP
        stale = await api.get(f"{WIDGETS_PATH}?watch=true&resourceVersion={report.revision + 100}")
        assert (stale.body["type"], stale.body["object"]["code"]) == ("ERROR", 410)


async def test_credentials_handed_out_before_stay_good(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path / "plane") as plane:
        former = Caller(plane.kubeconfig)
        backup.save(tmp_path / "plane", tmp_path / "saved")
    backup.restore(tmp_path / "elsewhere", tmp_path / "saved")
    async with ControlPlane(tmp_path / "elsewhere") as plane:
        former.url = plane.url
        async with former:
            assert (await former.get("/api/v1/namespaces")).status == 200


async def test_a_backup_is_the_owners_alone(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path / "plane"):
        backup.save(tmp_path / "plane", tmp_path / "saved")
    assert (tmp_path / "saved").stat().st_mode & 0o777 == 0o600
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())  # noqa: ASYNC240 - a test may wait


async def test_nothing_is_put_under_a_running_control_plane(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path / "plane"):
        backup.save(tmp_path / "plane", tmp_path / "saved")
        with pytest.raises(StoreError, match="in use by another control plane"):
            backup.restore(tmp_path / "plane", tmp_path / "saved", force=True)
        with pytest.raises(StoreError, match="in use by another control plane"):
            backup.compact(tmp_path / "plane")


async def test_what_is_there_is_replaced_only_by_force_and_kept_aside(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path / "plane"):
        backup.save(tmp_path / "plane", tmp_path / "saved")
    with pytest.raises(StoreError, match=r"is not empty .*--force"):
        backup.restore(tmp_path / "plane", tmp_path / "saved")
    backup.restore(tmp_path / "plane", tmp_path / "saved", force=True)
    assert (tmp_path / "plane" / "objects.db.replaced").exists()
    async with ControlPlane(tmp_path / "plane"):
        pass


def archive(path: Path, **members: bytes) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, "holds no objects.db"),
        ({"objects.db": b"nonsense" * 1000}, "is not, or no longer"),
        ({"..__..__evil": b"x"}, "does not belong"),
        ({"pki__..": b"x"}, "does not belong"),
        ({"other": b"x"}, "does not belong"),
        ({"token": b"x" * 100_000}, "does not belong"),
    ],
    ids=["empty", "no database", "a path upwards", "a folder's parent", "something else", "too large"],
)
def test_what_is_no_backup_is_refused_and_nothing_changed(tmp_path: Path, members: dict[str, bytes], why: str) -> None:
    archive(tmp_path / "saved", **members)
    with pytest.raises(StoreError, match=why):
        backup.restore(tmp_path / "plane", tmp_path / "saved")
    assert [path.name for path in (tmp_path / "plane").iterdir()] == ["lock"]


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved").write_bytes(b"hello")
    with pytest.raises(StoreError, match="cannot be read as a backup"):
        backup.restore(tmp_path / "plane", tmp_path / "saved")


def test_there_is_nothing_to_save_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no control plane"):
        backup.save(tmp_path, tmp_path / "saved")


async def test_compacting_gives_space_back(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, crds=[WIDGETS]) as plane, Caller(plane.kubeconfig) as api:
        for number in range(20):
            await api.post(WIDGETS_PATH, widget(f"w{number}", args=["x" * 50_000]))
        await api.delete(WIDGETS_PATH)
    report = backup.compact(tmp_path)
    assert report.before > 1_000_000 > report.after
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        assert (await api.get(WIDGETS_PATH)).body["items"] == []


async def test_a_full_disk_refuses_writes_serves_reads_and_recovers(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, crds=[WIDGETS]) as plane, Caller(plane.kubeconfig) as api:
        await api.post(WIDGETS_PATH, widget("before"))
        connection: sqlite3.Connection = plane.store._database._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        refused = await api.post(WIDGETS_PATH, widget("big", args=["x" * 500_000]))
        assert (refused.status, refused.reason) == (507, "InsufficientStorage")
        assert "nothing was changed, reads go on" in refused.body["message"]
        assert [item["metadata"]["name"] for item in (await api.get(WIDGETS_PATH)).body["items"]] == ["before"]
        connection.execute("PRAGMA max_page_count = 1000000")
        assert (await api.post(WIDGETS_PATH, widget("big", args=["x" * 500_000]))).status == 201


async def test_a_damaged_file_says_how_to_go_on(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path / "plane"):
        backup.save(tmp_path / "plane", tmp_path / "saved")
    path = tmp_path / "plane" / "objects.db"
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged .*control-plane restore FILE --data-dir .* --force"):
        await ControlPlane(tmp_path / "plane").__aenter__()
    backup.restore(tmp_path / "plane", tmp_path / "saved", force=True)
    async with ControlPlane(tmp_path / "plane"):
        pass
