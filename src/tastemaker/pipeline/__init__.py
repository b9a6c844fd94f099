"""From a query to a list: stages that retrieve, filter, rank, apply rules and explore, each over a slate."""
