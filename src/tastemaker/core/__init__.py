"""The nouns that everything else is written in: requests, answers, protocols, errors, runs. No data, no models."""
