"""The `update` verb on real folders, run in this process through the root command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from image_automation.cli import root

MARKER = '# {"$imagepolicy": "apps:podinfo:tag"}'
IMAGE = ("--image", "apps:podinfo=ghcr.io/a/podinfo:6.7.1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "app.yaml").write_text(f"name: x\ntag: 6.0.0   {MARKER}\n")
    (tmp_path / "plain.yaml").write_text("a: 1\n")
    return tmp_path


def run(*arguments: str | Path) -> int:
    return root.run(["update", *map(str, arguments)])


def test_marked_values_are_updated_and_each_change_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "sub" / "app.yaml").chmod(0o640)
    assert run(folder, *IMAGE) == 0
    assert (folder / "sub" / "app.yaml").read_text() == f"name: x\ntag: 6.7.1   {MARKER}\n"
    assert (folder / "sub" / "app.yaml").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in (folder / "sub").iterdir()) == ["app.yaml"]
    out, err = capsys.readouterr()
    assert out == f"{folder}/sub/app.yaml:2: 6.0.0 -> 6.7.1  (apps:podinfo:tag)\n"
    assert err == "✔ 1 value in 1 file updated\n"


def test_a_second_run_finds_nothing_to_do(folder: Path, capsys: pytest.CaptureFixture[str]):
    run(folder, *IMAGE)
    before = (folder / "sub" / "app.yaml").stat()
    capsys.readouterr()
    assert run(folder, *IMAGE) == 0
    assert (folder / "sub" / "app.yaml").stat().st_ino == before.st_ino
    assert capsys.readouterr() == ("", "✔ nothing to update\n")


def test_text_files_are_updated_where_they_are_opted_in(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "sub" / "Dockerfile").write_text(f"{MARKER}\nARG TAG=6.0.0\n")
    (folder / "other.env").write_text(f"A=6.0.0 B=6.0.0 {MARKER}\n")
    assert run(folder, *IMAGE, "--text-files", "Dockerfile", "--text-files", "/*.env", "--strict") == 1
    assert (folder / "sub" / "Dockerfile").read_text() == f"{MARKER}\nARG TAG=6.7.1\n"
    out, err = capsys.readouterr()
    assert f"{folder}/sub/Dockerfile:2: 6.0.0 -> 6.7.1  (apps:podinfo:tag)\n" in out
    assert f"{folder}/other.env:1: 2 words of the line may be a tag: 6.0.0, 6.0.0: leave one of them on the line" in err


def test_one_text_file_is_updated_by_its_name(folder: Path):
    (folder / "x.env").write_text(f"A=6.0.0 {MARKER}\n")
    assert run(folder / "x.env", *IMAGE, "--text-files", "*.env") == 0
    assert (folder / "x.env").read_text() == f"A=6.7.1 {MARKER}\n"


def test_a_pattern_that_makes_no_sense_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder, *IMAGE, "--text-files", "!x") == 1
    assert "--text-files: '!x' begins with `!`: name the files to look into" in capsys.readouterr().err


def test_a_dry_run_writes_nothing_and_exits_with_2(folder: Path, capsys: pytest.CaptureFixture[str]):
    before = (folder / "sub" / "app.yaml").read_bytes()
    assert run(folder, *IMAGE, "--dry-run", "--diff") == 2
    assert (folder / "sub" / "app.yaml").read_bytes() == before
    out, err = capsys.readouterr()
    assert f"-tag: 6.0.0   {MARKER}\n+tag: 6.7.1   {MARKER}\n" in out
    assert out.startswith(f"--- a/{folder}/sub/app.yaml\n+++ b/{folder}/sub/app.yaml\n")
    assert "\x1b" not in out
    assert err == "✔ 1 value in 1 file would be updated\n"


def test_a_dry_run_over_what_is_up_to_date_exits_with_0(folder: Path):
    run(folder, *IMAGE)
    assert run(folder, *IMAGE, "--dry-run") == 0


def test_a_single_file_may_be_named_whatever_it_is_called(folder: Path):
    (folder / "values.yaml.tmpl").write_text(f"tag: 6.0.0 {MARKER}\n")
    assert run(folder / "values.yaml.tmpl", *IMAGE) == 0
    assert (folder / "values.yaml.tmpl").read_text() == f"tag: 6.7.1 {MARKER}\n"
    assert "6.0.0" in (folder / "sub" / "app.yaml").read_text()


def test_one_bad_file_is_reported_and_stops_no_other(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "broken.yaml").write_text(f"tag: 6.0.0 {MARKER}\nlist: [\n")
    (folder / "latin.yaml").write_bytes(f"tag: 6.0.0 {MARKER}\n".encode() + b"# \xe9\n")
    assert run(folder, *IMAGE) == 1
    assert "6.7.1" in (folder / "sub" / "app.yaml").read_text()
    err = capsys.readouterr().err
    assert re.search(r"✗ .*/broken.yaml:3: the YAML cannot be read: .*: correct the file\n", err)
    assert f"✗ {folder}/latin.yaml:2: the file is not UTF-8: save it as UTF-8\n" in err


def test_unresolved_and_inert_markers_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "other.yaml").write_text(f'{MARKER}\na: 1\nb: x # {{"$imagepolicy": "apps:other"}}\n')
    assert run(folder, *IMAGE) == 0
    err = capsys.readouterr().err
    assert f"⚠️ {folder}/other.yaml:1: a marker on a line of its own: put it at the end of" in err
    assert (
        f"⚠️ {folder}/other.yaml:3: unresolved marker apps:other: no policy other of namespace apps gives an image"
        in err
    )


def test_links_out_of_the_folder_are_neither_followed_nor_written_through(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
):
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text(f"tag: 6.0.0 {MARKER}\n")
    (folder / "link.yaml").symlink_to(outside)
    (folder / "dir").symlink_to(outside.parent)
    (folder / "loop").symlink_to(folder)
    assert run(folder, *IMAGE) == 0
    assert "6.0.0" in outside.read_text()
    assert run(folder / "link.yaml", *IMAGE) == 1
    assert run(folder / "dir", *IMAGE) == 1
    assert "6.0.0" in outside.read_text()


def test_a_pipe_in_the_folder_blocks_nothing(folder: Path, capsys: pytest.CaptureFixture[str]):
    os.mkfifo(folder / "pipe.yaml")
    assert run(folder, *IMAGE) == 1
    assert "pipe.yaml: the file cannot be read (it is no regular file)" in capsys.readouterr().err


def test_a_huge_file_is_not_read_and_stops_nothing(folder: Path, capsys: pytest.CaptureFixture[str]):
    with (folder / "huge.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert run(folder, *IMAGE) == 0
    assert f"⚠️ {folder}/huge.yaml: the file has 1099511627776 bytes" in capsys.readouterr().err
    assert "6.7.1" in (folder / "sub" / "app.yaml").read_text()


def test_git_s_own_folder_is_not_entered(folder: Path):
    (folder / ".git").mkdir()
    (folder / ".git" / "x.yaml").write_text(f"tag: 6.0.0 {MARKER}\n")
    run(folder, *IMAGE)
    assert "6.0.0" in (folder / ".git" / "x.yaml").read_text()


def test_a_digest_and_a_port_are_understood(folder: Path):
    digest = "sha256:" + "0" * 64
    (folder / "all.yaml").write_text('a: x # {"$imagepolicy": "n:p"}\nb: x # {"$imagepolicy": "n:p:name"}\n')
    assert run(folder, "--image", f"n:p=localhost:5000/a/b:1@{digest}") == 0
    text = (folder / "all.yaml").read_text()
    assert f"a: localhost:5000/a/b:1@{digest} #" in text
    assert "b: localhost:5000/a/b #" in text


def test_a_part_that_was_not_given_is_unresolved(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder, "--image", "apps:podinfo=ghcr.io/a/b") == 0
    assert (
        "unresolved marker apps:podinfo:tag: no policy podinfo of namespace apps gives a tag" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param("podinfo=x:1", "write NAMESPACE:POLICY=REPOSITORY", id="no namespace"),
        pytest.param("a:b", "write NAMESPACE:POLICY=REPOSITORY", id="no image"),
        pytest.param("a:b=x:", "write NAMESPACE:POLICY=REPOSITORY", id="an empty tag"),
        pytest.param("a:b=https://x/y:1", "write NAMESPACE:POLICY=REPOSITORY", id="a scheme"),
        pytest.param("a:b=ab:1@sha256:zz", "the digest is not ALGORITHM:HEX", id="a bad digest"),
    ],
)
def test_what_is_no_image_is_an_error_of_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], image: str, message: str
):
    assert run(folder, "--image", image) == 1
    err = capsys.readouterr().err
    assert err.startswith("✗ ")
    assert message in err
    assert err.count("\n") == 1


def test_a_path_that_is_not_there_and_an_unknown_flag_are_errors(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder / "nowhere", *IMAGE) == 1
    assert run(folder, *IMAGE, "--force") == 1
    assert run(folder) == 1
    assert "there is no '" in capsys.readouterr().err


def test_a_diff_is_coloured_on_a_terminal_only_and_no_color_is_heard(folder: Path):
    program = [sys.executable, "-m", "image_automation", "update", str(folder), *IMAGE, "--dry-run", "--diff"]
    terminal = "import pty,sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)

    def seen(**extra: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-c", terminal, *program], env={**environment, **extra}, capture_output=True, check=False
        ).stdout

    assert b"\x1b[32m+tag" in seen()
    assert b"\x1b[32m" not in seen(NO_COLOR="1")


def test_a_link_within_the_folder_updates_its_file_once(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "shared.txt").write_text(f"tag: 6.0.0 {MARKER}\n")
    (folder / "one.yaml").symlink_to("shared.txt")
    (folder / "two.yaml").symlink_to("one.yaml")
    assert run(folder, *IMAGE) == 0
    assert capsys.readouterr().out.count("shared.txt:") == 1
    assert (folder / "one.yaml").is_symlink()


def test_strict_fails_where_a_marker_has_no_effect(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "loose.yaml").write_text('a: 1 # {"$imagepolicy": "apps:podinf:tag"}\n')
    assert run(folder, *IMAGE, "--strict") == 1
    assert capsys.readouterr().err.endswith(
        "✔ 1 value in 1 file updated; 1 marker or file has no effect\n✗ 1 marker or file has no effect (--strict)\n"
    )
    assert run(folder, *IMAGE) == 0
    assert capsys.readouterr().err.endswith("✔ nothing to update; 1 marker or file has no effect\n")
