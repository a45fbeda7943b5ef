"""Whoever is outside enters by a few names, and pays only for what they take."""

import subprocess
import sys

import pytest

import gotk.apiserver


@pytest.mark.parametrize("name", gotk.apiserver.__all__)
def test_every_name_of_the_front_door_leads_somewhere(name: str) -> None:
    assert getattr(gotk.apiserver, name) is not None


def test_other_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Writer'"):
        getattr(gotk.apiserver, "Writer")  # noqa: B009 - a type checker would refuse the plain form


def test_care_for_a_data_directory_loads_no_web_server() -> None:
    code = "import sys; from gotk.apiserver import backup, StoreError; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
