"""What becomes of a chart and values: rendered by the real helm, and what is done to it before it is applied."""
