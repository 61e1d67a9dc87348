"""Translation beside the same model as it is written by hand in torch."""
