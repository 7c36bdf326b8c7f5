"""Stage 4: what workers bring back becomes the job's record, its events and its rejects file."""
