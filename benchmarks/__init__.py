"""What the speed claims rest on: the built functions, run as Lambda runs them, beside simpler ways."""
