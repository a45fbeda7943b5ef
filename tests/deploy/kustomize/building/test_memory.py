"""The folder in memory where builds with decrypted files lie: whose it is, and what becomes of what is left there."""

from pathlib import Path

from deploy.kustomize.building.memory import Memory


def test_what_a_killed_process_left_there_is_gone_with_the_next_start(tmp_path: Path) -> None:
    killed = Memory(Path("/data/builds"), shared=tmp_path).make()
    assert killed is not None
    (killed / "plain").write_text("hunter2")
    other = Memory(Path("/other/builds"), shared=tmp_path).make()
    Memory(Path("/data/builds"), shared=tmp_path)
    assert list(tmp_path.glob("*/*")) == [other]


def test_it_is_open_to_nobody_else_and_there_while_something_lies_in_it(tmp_path: Path) -> None:
    memory = Memory(Path("/data/builds"), shared=tmp_path)
    one, two = memory.make(), memory.make()
    assert one is not None
    assert two is not None
    assert one.parent == two.parent
    assert [each.stat().st_mode & 0o777 for each in (one, one.parent)] == [0o700, 0o700]
    one.rmdir()
    memory.leave()
    assert two.exists()
    two.rmdir()
    memory.leave()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_may_open_or_that_lies_elsewhere_is_not_used(tmp_path: Path) -> None:
    found = Memory(Path("/data/builds"), shared=tmp_path).make()
    assert found is not None
    mine = found.parent
    mine.chmod(0o755)
    assert Memory(Path("/data/builds"), shared=tmp_path).make() is None
    assert found.exists(), "what is somebody else's is not emptied"
    elsewhere = tmp_path / "elsewhere"
    mine.rename(elsewhere)
    elsewhere.chmod(0o700)
    mine.symlink_to(elsewhere)
    assert Memory(Path("/data/builds"), shared=tmp_path).make() is None
    assert [each.name for each in elsewhere.iterdir()] == [found.name]


def test_where_there_is_no_memory_none_is_used(tmp_path: Path) -> None:
    assert Memory(Path("/data/builds"), shared=tmp_path / "none").make() is None
