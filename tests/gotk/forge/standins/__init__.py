"""Forges that stand in for the real ones: the same few facts behind each, told in each one's published words."""
