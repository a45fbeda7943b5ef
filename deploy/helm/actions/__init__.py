"""What is done to a release: installed, upgraded, rolled back, tested, unlocked, uninstalled, held against drift."""
