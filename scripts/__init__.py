"""The programs behind make: tools, archives, deployments and checks of this repository."""
