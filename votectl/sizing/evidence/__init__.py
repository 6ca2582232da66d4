"""Evidence from a deployment: measured function times, and real runs to compare with simulations."""
