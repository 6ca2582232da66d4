"""The commands as they are typed, one module per group. Each parses, calls one function, and shows what it returned."""
