"""The terminal chat app."""
