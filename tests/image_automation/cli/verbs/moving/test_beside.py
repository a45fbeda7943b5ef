"""What is committed where the image controllers alone give way."""

import pytest

from deploy.cluster.inventory import ObjectID
from image_automation.cli.verbs.moving import beside

A, B = (f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name} # kept\n" for name in "ab")
IDS = {name: ObjectID("", name, "", "ConfigMap") for name in "ab"}


def test_what_stays_stays_byte_for_byte() -> None:
    text = f"---\n# of Flux\n---\n{A}---\n{B}"
    assert beside.without(text, [IDS["a"]]) == f"---\n# of Flux\n---\n{B}"
    assert beside.without(text, []) == text


def test_our_file_is_listed_behind_fluxs_and_once() -> None:
    own = "resources:\n  - gotk-components.yaml\n  - gotk-sync.yaml\n# mine\n"
    listed = beside.listed(own)
    assert listed == (
        "resources:\n  - gotk-components.yaml\n  - image-automation-components.yaml\n  - gotk-sync.yaml\n# mine\n"
    )
    assert beside.listed(listed) == listed


def test_a_kustomization_that_lists_otherwise_is_refused() -> None:
    with pytest.raises(beside.Unfit, match=r"has no line of its own for gotk-components\.yaml"):
        beside.listed("resources: [gotk-components.yaml]\n")


def test_a_whole_kit_takes_ours_off_the_list() -> None:
    own = "resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n"
    folder = {"kustomization.yaml": beside.listed(own).encode(), beside.COMPONENTS: A.encode()}
    changed = beside.retired(folder)
    assert changed["kustomization.yaml"] == own.encode()
    assert changed[beside.COMPONENTS].startswith(b"#")
    assert beside.retired({"kustomization.yaml": own.encode()}) == {}
