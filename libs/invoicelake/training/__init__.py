"""Training: the feed, the launchers that run ranks, the loop that each rank runs, and its checkpoints."""
