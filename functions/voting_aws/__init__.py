"""The edge to AWS that both consumers share: clients, which errors may pass, polls, logs and metrics."""
