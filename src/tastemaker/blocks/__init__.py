"""Parts of neural networks, in torch, and codes and graphs in NumPy; no part knows a paper or a training loop."""
