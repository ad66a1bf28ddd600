"""Reports of a run that people look at: Markdown, and one HTML page that needs nothing else."""
