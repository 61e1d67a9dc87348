"""Do the cells learn? Classic tasks, one a file, each cell beside a twin of torch.nn where torch has it."""
