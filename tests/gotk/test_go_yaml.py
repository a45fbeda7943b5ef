"""What is printed here is what kustomize prints: a corpus of odd values, compared with the real program to the byte."""

import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.kustomize.building import build, canonical, resources
from gotk import go_yaml

try:
    COMMAND = build.find_command()
except FileNotFoundError:
    COMMAND = ()

WORDS = r"""
~ null y n yes No on true NaN .nan +.inf -.inf inf << = - -- 0 00 0777 0888 0x1F 0b11 0o17 0o8 1_000 1__0 +1 -1 1.5 1e3
1e400 .5 -.5 1. 1:30 12:30:45 2020-01-01 2020-13-01 2020-1-1 2020-01-01T00:00:00Z 0.0 -0 # 18446744073709551616 '
9223372036854775808 -9223372036854775808 0xfffffffffffffffff :x #x %x @x `x !x &x *x | > 'x' "x" a: [a] {a} a,b ü 🎉 ---
"""
TEXTS = [
    *WORDS.split(),
    *("", "2020-01-01 00:00:00", "- a", "? x", ": x", "a: b", "a #b", "  lead", "trail  ", "a\tb", "a\rb", "\x01"),
    *("a\nb", "a\nb\n", "a\n\n", "\n", "\n\na", " a\nb", "a\n b\n", "\ta\nb", "true\n", "---\na", "a\n---\nb"),
    *("key: |\n  v\n", "a\n \nb", "a \nb", "\u00a0", "é\n🎉", "x" * 79 + " y", "'" * 90, "x" * 200, "x y " * 100),
]  # fmt: skip
NUMBERS = [True, False, None, 0, 1, -5, 1.5, 1e-7, 123456.75, 1234567.5, 1e22, 12345678901234567890, 0.0001, 0.00001]
SIGNS = "ab0159-._: #\n'\"\t\\[]{},&*!|>%@`~=+eExTZ"


class Corpus:
    """Objects of odd values, the same each time."""

    def __init__(self) -> None:
        self._chance = random.Random(20)

    def objects(self, count: int) -> list[dict[str, Any]]:
        head = {"apiVersion": "example.com/v1", "kind": "Odd"}
        return [{**head, "metadata": {"name": f"odd-{n}"}, "spec": self.value(4)} for n in range(count)]

    def value(self, levels: int) -> Any:
        kind = self._chance.random()
        if not levels or kind < 0.5:
            return self.text()
        if kind < 0.6:
            return self._chance.choice(NUMBERS)
        if kind < 0.8:
            return {self.key(): self.value(levels - 1) for _ in range(self._chance.randrange(5))}
        return [self.value(levels - 1) for _ in range(self._chance.randrange(4))]

    def text(self) -> str:
        if self._chance.random() < 0.5:
            return self._chance.choice(TEXTS)
        return "".join(self._chance.choice(SIGNS) for _ in range(self._chance.randrange(14)))

    def key(self) -> str:
        text = self.text().replace("\n", "").replace("<<", "").strip()
        return text if 1 < len(text) < 100 else f"k{self._chance.randrange(99)}"


@pytest.mark.real
@pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")
def test_odd_values_are_printed_as_kustomize_prints_them(tmp_path: Path) -> None:
    made = Corpus().objects(250)
    (tmp_path / "odd.yaml").write_text(canonical.write_documents(made))  # type: ignore[arg-type]
    (tmp_path / "kustomization.yaml").write_text("resources: [odd.yaml]\n")
    printed = subprocess.run([*COMMAND, tmp_path], capture_output=True, text=True, check=True).stdout
    texts = resources.split(printed)
    assert len(texts) == len(made)
    assert [go_yaml.write(resources.read(text)) for text in texts] == texts
    assert resources.join(texts) == printed


LONG = ["7" * 20, "7" * 21, "7" * 400, "7" * 5000, "0" + "7" * 5000, "0x" + "7" * 5000, "-" + "7" * 5000]


@pytest.mark.real
@pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")
def test_numbers_without_end_are_printed_as_kustomize_prints_them(tmp_path: Path) -> None:
    digits = ("1" * 70, "2" * 70, "1" + "0" * 70, "1" * 64, "7" * 900)  # no key has more than 1024 signs
    keys = [f"k{text}{end}" for text in digits for end in ("", "-")]
    made = {
        "apiVersion": "example.com/v1",
        "kind": "Odd",
        "metadata": {"name": "odd"},
        "spec": {"texts": LONG, "keys": dict.fromkeys(keys, 1)},
    }
    (tmp_path / "odd.yaml").write_text(canonical.write_documents([made]))  # type: ignore[list-item]
    (tmp_path / "kustomization.yaml").write_text("resources: [odd.yaml]\n")
    printed = subprocess.run([*COMMAND, tmp_path], capture_output=True, text=True, check=True).stdout
    assert go_yaml.write(made) == printed


def test_a_text_that_ends_in_empty_lines_stays_whole_between_others() -> None:
    one, two = go_yaml.write({"a": "x\n\n"}), go_yaml.write({"b": "y"})
    assert resources.split(resources.join([one, two])) == [one, two]
    assert resources.read(one) == {"a": "x\n\n"}


def test_keys_of_digits_without_end_stand_in_an_order() -> None:
    text = go_yaml.write({f"k{begin}{'7' * 5000}": 1 for begin in "21"})
    assert text.index("k17") < text.index("k27")


ORDERS = [("a", "b"), ("a2", "a10"), ("1", "a"), ("-", "a"), ("a1", "ab"), ("a1", "a01"), ("B", "a"), ("a", "aa")]


@pytest.mark.parametrize(("first", "second"), ORDERS)
def test_keys_stand_in_go_yamls_order(first: str, second: str) -> None:
    assert yaml_keys({second: 1, first: 1}) == [first, second]


def yaml_keys(value: dict[str, int]) -> list[str]:
    return [line.partition(":")[0].strip("\"'") for line in go_yaml.write(value).splitlines()]
