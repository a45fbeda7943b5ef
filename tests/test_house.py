"""The house's own rules: where things are, how big they may grow, what never appears in a committed file."""

import ast
import functools
import re
import subprocess
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("gotk", "reflector", "policies", "image_automation", "deploy")
LINES_PER_FILE = 500
LINES_PER_FUNCTION = 60
MODULES_PER_FLOOR = 22
#: How deep the folders lie that docs/ARCHITECTURE.md names: `deploy/kustomize/building` does.
FLOORS = 3
#: Folders of the data folder, which it names as well.
DATA = {"artifacts", "pki"}
VAGUE = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py"}


def committed() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a Git checkout")
    return [path for name in listing.stdout.splitlines() if (path := ROOT / name).is_file()]


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@dataclass(frozen=True)
class Read:
    """What a module says of itself, and how many lines its functions have."""

    says: str
    functions: list[tuple[int, str]]


@functools.cache
def read(path: Path) -> Read:
    tree = ast.parse(path.read_text())
    sizes = [
        ((node.end_lineno or 0) - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return Read(ast.get_docstring(tree) or "", sizes)


def test_no_file_holds_two_things() -> None:
    sizes = sorted(
        ((len(path.read_text().splitlines()), str(path.relative_to(ROOT))) for path in modules()), reverse=True
    )
    print("\n".join(f"{lines:5} {name}" for lines, name in sizes[:10]))
    assert [(lines, name) for lines, name in sizes if lines > LINES_PER_FILE] == []


def test_no_function_outgrows_a_screen() -> None:
    sizes = sorted((size for path in modules() for size in read(path).functions), reverse=True)
    print("\n".join(f"{lines:5} {name}" for lines, name in sizes[:10]))
    assert [(lines, name) for lines, name in sizes if lines > LINES_PER_FUNCTION] == []


def test_no_floor_is_crowded() -> None:
    floors = Counter(str(path.parent.relative_to(ROOT)) for path in modules() if path.name != "__init__.py")
    print("\n".join(f"{count:5} {name}" for name, count in floors.most_common(10)))
    assert [(name, count) for name, count in floors.items() if count > MODULES_PER_FLOOR] == []


def test_every_module_says_why_it_exists() -> None:
    silent = [str(path.relative_to(ROOT)) for path in modules() if not read(path).says]
    assert silent == []


def test_no_module_has_a_vague_name() -> None:
    assert [str(path) for path in modules() if path.name in VAGUE] == []


def test_every_tests_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_every_dependency_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)
    names = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    unexplained = [name for name in names if not re.search(rf'"{re.escape(name)}",\s*# \S', text)]
    assert unexplained == []


def test_every_dependency_is_locked_with_hashes() -> None:
    for lock in ("run", "dev"):
        text = (ROOT / "requirements" / f"{lock}.txt").read_text()
        pins = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z0-9,-]+\])?==\S+", text, re.MULTILINE)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins)


def test_no_committed_file_names_a_download_address() -> None:
    hosts = re.compile(
        "|".join(("files.python" + "hosted", "py" + r"pi\.org", "registry.np" + "mjs", "proxy.go" + "lang"))
    )
    named = [
        str(path.relative_to(ROOT))
        for path in committed()
        if path.suffix not in {".gz", ".png"} and hosts.search(path.read_text(errors="ignore"))
    ]
    assert named == []


def test_no_pattern_has_a_possessive_group() -> None:
    """Python before 3.11.5 matches them wrongly, and Debian's is one of those."""
    possessive = re.compile(r"\)[?*+]\+|\(\?>")
    found = [str(path) for path in modules() for line in path.read_text().splitlines()
             if possessive.search(line) and not line.lstrip().startswith("#")]  # fmt: skip
    assert found == []


def test_the_registry_oracle_stays_out_of_the_service() -> None:
    importing = [str(path) for path in modules() if "docker_registry_client" in path.read_text()]
    assert importing == []


def test_documents_link_to_files_that_exist() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in committed()
        if path.suffix == ".md"
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_architecture_names_every_room_and_floor() -> None:
    text = (ROOT / "docs/ARCHITECTURE.md").read_text()
    floors = {path.parent.relative_to(ROOT) for path in modules() if len(path.relative_to(ROOT).parts) <= FLOORS + 1}
    assert [str(path) for path in sorted(floors) if not re.search(rf"[`/]{path.name}/", text)] == []
    around = [path.name for path in (ROOT / "image_automation").glob("[!_]*.py") if f"{path.name}`" not in text]
    assert around == []


def test_architecture_names_nothing_that_is_not_there() -> None:
    text = (ROOT / "docs/ARCHITECTURE.md").read_text()
    named = {name.rstrip("/") for name in re.findall(r"`([\w.-]*/[\w./-]*|[\w-]+\.py)`", text)} - DATA
    there = {f"/{path.relative_to(ROOT)}" for path in committed()}
    there |= {str(parent) for path in there for parent in Path(path).parents}
    ends = {"/".join(parts[at:]) for path in there for parts in [path.split("/")] for at in range(1, len(parts))}
    assert sorted(named - ends) == []
