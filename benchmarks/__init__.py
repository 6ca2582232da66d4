"""The measurements behind the speed claims: the built functions, run as on Lambda, compared with simpler ways."""
