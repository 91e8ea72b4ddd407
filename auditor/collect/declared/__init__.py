"""Evidence of what files and engines will publish."""
