"""From choices to a commit: checkout, marked files of a tree, message, signature, branch and push."""
