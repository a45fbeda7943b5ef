"""Charts: the index of a Helm repository, what a chart says of itself, and how one is fetched and put together."""
