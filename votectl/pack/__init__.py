"""Results packs on this machine: exporting one, and what it is made from. The format is functions/results_pack."""
