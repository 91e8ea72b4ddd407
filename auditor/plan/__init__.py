"""What must be looked at, how, and what may be touched: from a policy to batches of targets."""
