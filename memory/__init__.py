"""What was said, and how to find it again."""
