"""What ours does otherwise on purpose in the table of Kustomizations, why, and in which facets it shows."""

from tests.upstream.automation_differences import Difference

CASES: dict[str, Difference] = {}
