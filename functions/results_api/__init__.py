"""The results API: polls, their results, and whether a receipt's vote is the one that counts."""
