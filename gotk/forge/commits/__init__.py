"""Commits through the API of each forge that signs them: `gotk.forge.commit` in its own words."""
