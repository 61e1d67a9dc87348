"""The lecture notes N1-N8, item by item: every figure computed, every picture drawn from what was computed."""
