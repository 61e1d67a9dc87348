"""The engine that compiles a step to vector code through LLVM."""
