"""What the Go libraries answer, recorded by `scripts/go_answers`: the truth for versions, patterns and numbers."""

import json
from pathlib import Path
from typing import Any

ANSWERS: dict[str, list[Any]] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
