"""Conversation: what a person wants, kept as data; tools that find items; answers that name nothing but these."""
