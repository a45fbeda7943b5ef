"""Putting the kit on a cluster and taking it away: what to apply, what would act beside it, what to delete. Pure."""
