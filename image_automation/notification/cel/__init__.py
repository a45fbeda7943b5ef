"""What Receivers and Providers ask of CEL beside what everybody does."""
