"""The hall: the GitOps toolkit that every room stands on. It knows no room."""
