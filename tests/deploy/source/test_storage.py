import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from msgspec.structs import replace

from deploy.source.storage import Retention, Storage
from gotk import digest
from gotk.api.meta import Artifact

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DIRECTORY = "gitrepository/apps/web"

RETENTION = Retention(ttl=timedelta(minutes=1), records=2)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "data", address="source.example:9090", retention=RETENTION, algorithm="sha256")


def put(storage: Storage, name: str, content: bytes = b"x", *, age: float = 0.0) -> Artifact:
    path = f"{DIRECTORY}/{name}.tar.gz"
    storage.write(path, lambda file: file.write(content))
    moment = NOON.timestamp() - age
    os.utime(storage.root / path, (moment, moment))
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Artifact(digest=digest, path=path, url=storage.url(path), revision="r", last_update_time="t")


def stored(storage: Storage) -> set[str]:
    return {path.name.removesuffix(".tar.gz") for path in (storage.root / DIRECTORY).iterdir()}


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("localhost:9090", "http://localhost:9090/a"),
        ("http://source.flux-system.svc.cluster.local./", "http://source.flux-system.svc.cluster.local./a"),
        ("https://artifacts.example/base", "https://artifacts.example/base/a"),
    ],
)
def test_an_artifact_is_served_under_the_advertised_address(tmp_path: Path, address: str, url: str) -> None:
    assert Storage(tmp_path, address=address, retention=RETENTION, algorithm="sha256").url("a") == url


def test_an_artifact_is_private_on_disk(storage: Storage) -> None:
    path = storage.root / put(storage, "a").path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_write_that_fails_leaves_what_was_there(storage: Storage) -> None:
    kept = put(storage, "a", b"old")

    def fail(file: BinaryIO) -> None:
        file.write(b"new")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        storage.write(kept.path, fail)
    assert stored(storage) == {"a"}
    assert storage.verify(kept) == ""


def test_a_changed_file_is_found_out(storage: Storage) -> None:
    kept = put(storage, "a", b"old")
    (storage.root / kept.path).write_bytes(b"new")
    assert "doesn't match" in storage.verify(kept)


def test_a_lost_file_and_a_link_count_as_missing(storage: Storage) -> None:
    kept = put(storage, "a")
    assert not storage.missing(kept)
    (storage.root / kept.path).unlink()
    assert storage.missing(kept)
    (storage.root / kept.path).symlink_to("/etc/passwd")
    assert storage.missing(kept)


def test_a_name_leads_to_the_newest_and_is_no_artifact_itself(storage: Storage) -> None:
    for name in ("old", "new"):
        storage.link(f"{DIRECTORY}/latest.tar.gz", put(storage, name, age=300.0))
    link = storage.root / DIRECTORY / "latest.tar.gz"
    assert link.readlink() == Path("new.tar.gz")
    storage.collect(put(storage, "current"), now=NOON)
    assert stored(storage) == {"latest", "current"}


def test_superseded_artifacts_go_after_their_time(storage: Storage) -> None:
    for name, age in (("oldest", 120.0), ("older", 61.0), ("recent", 30.0)):
        put(storage, name, age=age)
    current = put(storage, "current")
    assert set(storage.collect(current, now=NOON)) == {"oldest.tar.gz", "older.tar.gz"}
    assert stored(storage) == {"recent", "current"}


def test_of_many_recent_ones_only_the_newest_stay(storage: Storage) -> None:
    for number in range(5):
        put(storage, str(number), age=50.0 - number)
    assert storage.collect(put(storage, "current", age=55.0), now=NOON) == [f"{n}.tar.gz" for n in range(4)]
    assert stored(storage) == {"4", "current"}


def test_the_current_artifact_stays_however_old(storage: Storage) -> None:
    current = put(storage, "current", age=10_000.0)
    assert storage.collect(current, now=NOON) == []
    assert stored(storage) == {"current"}


def test_retention_can_be_wider(tmp_path: Path) -> None:
    storage = Storage(tmp_path, address="x", retention=Retention(ttl=timedelta(hours=1), records=4), algorithm="sha256")
    for number in range(5):
        put(storage, str(number), age=600.0 - number)
    storage.collect(put(storage, "current"), now=NOON)
    assert stored(storage) == {"2", "3", "4", "current"}


def test_what_a_killed_write_left_goes_too(storage: Storage) -> None:
    current = put(storage, "current")
    partial = storage.root / DIRECTORY / ".partial-x"
    partial.write_bytes(b"half")
    os.utime(partial, (0, 0))
    storage.collect(current, now=NOON)
    assert stored(storage) == {"current"}


def test_everything_of_an_object_goes_at_once(storage: Storage) -> None:
    put(storage, "a")
    storage.remove_all(DIRECTORY)
    storage.remove_all(DIRECTORY)
    assert not (storage.root / DIRECTORY).exists()


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a//b", ""])
def test_a_path_cannot_leave_the_storage(storage: Storage, path: str) -> None:
    with pytest.raises(ValueError, match="is no artifact's path"):
        storage.remove_all(path)


@pytest.mark.parametrize("algorithm", digest.ALGORITHMS)
def test_every_algorithm_of_flux_digests_and_verifies(tmp_path: Path, algorithm: str) -> None:
    storage = Storage(tmp_path / "data", address="source.example:9090", retention=RETENTION, algorithm=algorithm)
    made = replace(put(storage, "a"), digest=storage.digest(f"{DIRECTORY}/a.tar.gz"))
    assert made.digest.startswith(f"{algorithm}:")
    assert storage.verify(made) == ""
    (storage.root / made.path).write_bytes(b"y")
    assert storage.verify(made) == f"computed digest doesn't match '{made.digest}'"


def test_a_blake3_digest_is_the_one_of_its_specification(storage: Storage) -> None:
    put(storage, "a", b"")
    with (storage.root / DIRECTORY / "a.tar.gz").open("rb") as file:
        assert digest.of(file, "blake3") == "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
