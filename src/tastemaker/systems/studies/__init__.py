"""What studies of several systems measure: ratings, and texts about items."""
