"""The commands, one module per group. Each parses its arguments, calls one function, and shows the result."""
