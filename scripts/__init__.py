"""What make runs: tools, archives, deployments and checks of this repository."""
