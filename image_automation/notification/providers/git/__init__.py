"""Git forges as providers: what an event says of a commit or a pull request, told through `gotk.forge`."""
