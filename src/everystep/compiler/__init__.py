"""From a step to a plan: traced into a small graph, differentiated, cut into regions and sweeps."""
