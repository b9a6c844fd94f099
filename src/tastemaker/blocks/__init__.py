"""Parts of neural networks, in torch; no part knows a paper's name, a data set or a training loop."""
