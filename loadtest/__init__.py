"""Load on a deployment by voters whose every vote is known, and a check that each of them counted once."""
