"""The widgets of the terminal chat app, one a file."""
