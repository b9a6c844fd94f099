"""Asking a generator: prompts as files, what others wrote fenced in them, and rankings made of its answers."""
