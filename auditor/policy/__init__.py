"""From policy files to a checked policy, and from that to what is expected of each host and vantage."""
