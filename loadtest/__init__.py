"""Load tests: send votes that a seed determines, and verify that each of them counted once."""
