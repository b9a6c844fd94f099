"""Web pages about comparisons: the frame that all pages of ours share, and the sections that they are made of."""
