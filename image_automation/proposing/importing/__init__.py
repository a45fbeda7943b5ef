"""What other updaters were told, read as policies: one file an updater.

Each reader takes its settings out of the files and says for which places of images they hold, with a policy where one
means the same. Where none does, the place gets the guess of its tag; that, and everything else that is not carried
over, is put into words. What a setting means is taken from the updaters' published documentation.
"""
