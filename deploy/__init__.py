"""From the commit to the cluster, and the kit that installs us."""
