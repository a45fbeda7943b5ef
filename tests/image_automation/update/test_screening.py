"""Which files are looked into."""

import pytest

from image_automation.update import screening

MARKED = 'tag: a # {"$imagepolicy": "a:b:tag"}\n'


@pytest.mark.parametrize("path", ["a.yaml", "x/a.yml", ".hidden/.yaml.yaml", "x/Kustomization"])
def test_candidates(path: str):
    assert screening.is_candidate(path)


@pytest.mark.parametrize("path", ["a.YAML", "a.json", "yaml", "Kustomization.txt", "kustomization", "a.yaml.tmpl"])
def test_others_are_not_read(path: str):
    assert not screening.is_candidate(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_marked_utf_16_file_is_refused_not_overlooked(encoding: str):
    data = ("" if encoding == "utf-16" else "\ufeff").encode(encoding) + MARKED.encode(encoding)
    assert screening.has_marker(data)
    problem = screening.refuse(data)
    assert problem is not None
    assert problem.cause == "the file is UTF-16"


def test_bytes_that_are_not_utf_8_are_refused_with_their_line():
    problem = screening.refuse(MARKED.encode() + b"name: caf\xe9\n")
    assert problem is not None
    assert (problem.line, problem.level, problem.cause) == (2, "error", "the file is not UTF-8")


def test_a_huge_file_is_refused_before_it_is_parsed():
    problem = screening.refuse(b" " * (screening.SIZE_LIMIT + 1))
    assert problem is not None
    assert "more than the 16777216 that are looked into" in problem.cause


def test_a_file_that_only_speaks_of_sops_is_no_sops_file():
    assert screening.refuse(MARKED.encode() + b"sops: is a tool\n") is None
