"""The vote writer: stores one vote per voter and poll, the last one wins."""
