"""Stage 2: the local file is cut into chunks, between records and nowhere else."""
