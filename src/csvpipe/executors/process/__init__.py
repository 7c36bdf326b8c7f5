"""Worker processes of our own: each runs one chunk at a time, and none outlives its host."""
