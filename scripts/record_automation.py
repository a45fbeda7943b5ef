"""Record what Flux's image-automation-controller does with the table of `tests/upstream/automations.py`.

    python -m scripts.record_automation [PROGRAM]

The program is looked for on PATH where it is not given. It runs against a control plane and a Git server of this
process; what it answers goes into `tests/upstream/automations.json`, which the tests hold ours against.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from scripts import flux_program
from tests.upstream import automation_play, automations

ANSWERS = Path(automations.__file__).with_suffix(".json")


async def _calm() -> None:
    """Flux writes conditions first and the rest of a status after them; events follow."""
    await asyncio.sleep(2)


async def record(program: str, names: list[str]) -> dict[str, object]:
    """Play the table, or the named cases of it, before the program."""
    cases = {name: case for name, case in automations.CASES.items() if not names or name in names}
    with tempfile.TemporaryDirectory() as folder:
        async with automation_play.prepared(Path(folder), cases, limit=60, calm=_calm) as play:
            with flux_program.running(program, play.at.kubeconfig, play.at.events_addr, Path(folder)):
                return await play.run()


def main() -> None:
    """Record all cases; with names after the program only those, the others stay as they were recorded."""
    program = sys.argv[1] if len(sys.argv) > 1 else shutil.which("image-automation-controller")
    if not program:
        sys.exit("image-automation-controller is not on PATH: give its path as the argument")
    kept = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
    answers = kept | asyncio.run(record(program, sys.argv[2:]))
    ordered = {name: answers[name] for name in automations.CASES if name in answers}
    ANSWERS.write_text(json.dumps(ordered, indent=1, sort_keys=True) + "\n")
    print(f"{len(ordered)} cases are in {ANSWERS}")


if __name__ == "__main__":
    main()
