"""What is declared beside what the cluster holds: the form compared, fields left out or alone, and what drifted."""
