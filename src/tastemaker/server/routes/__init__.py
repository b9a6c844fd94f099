"""The endpoints, a module for each noun; what they share is in `tastemaker.server.guard`."""
