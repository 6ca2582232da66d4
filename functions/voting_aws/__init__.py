"""The edge to AWS that both consumers share: clients, transient errors, polls, logs and metrics."""
