"""The results API: what a poll is, how it stands, and whether a receipt's vote is the one that counts."""
