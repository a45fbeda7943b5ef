"""Every row has one test, and SECURITY.md lists exactly those."""

import ast
import re
from collections import Counter
from pathlib import Path

ROWS = (*range(1, 29), 30)
HERE = Path(__file__).parent


def test_every_row_has_one_test_and_is_listed():
    names = [
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_row_")
    ]
    assert Counter(int(name.split("_")[2]) for name in names) == Counter(ROWS)
    listed = re.findall(
        r"^\| (\d+) \|.*`(test_row_\w+)` \|$", (HERE.parents[1] / "SECURITY.md").read_text(), re.MULTILINE
    )
    assert [(int(row), name) for row, name in listed] == list(zip(ROWS, sorted(names), strict=True))
