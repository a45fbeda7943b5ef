"""Pull requests at each forge: the steps of `gotk.forge.proposals` in its own words."""
