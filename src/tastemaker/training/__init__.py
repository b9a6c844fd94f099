"""Training of torch modules: one loop, what it keeps between interruptions, and how several processes share it."""
