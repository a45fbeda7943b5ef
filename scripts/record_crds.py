"""Record the structure of Flux's own definitions of the kinds that we ship.

Run it as `python -m scripts.record_crds FOLDER...` with folders that hold Flux's CustomResourceDefinitions as YAML. It
writes tests/deploy/upstream_crds.json: what is in the newest version of each, without a word of description.
"""

import json
import pathlib
import sys
from typing import Any

import yaml

import deploy.crds
from tests.deploy import test_crds


def main() -> None:
    """Record."""
    if len(sys.argv) < 2:
        sys.exit(str(__doc__))
    shipped = {crd["metadata"]["name"] for crd in deploy.crds.load()}
    found: dict[str, Any] = {}
    for folder in sys.argv[1:]:
        for file in sorted(pathlib.Path(folder).rglob("*.yaml")):
            for crd in yaml.safe_load_all(file.read_text()):
                if crd and crd.get("kind") == "CustomResourceDefinition" and crd["metadata"]["name"] in shipped:
                    found[crd["metadata"]["name"]] = test_crds.structure(crd)
    if missing := shipped - found.keys():
        sys.exit(f"no definition of {', '.join(sorted(missing))} in {', '.join(sys.argv[1:])}")
    test_crds.RECORD.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
