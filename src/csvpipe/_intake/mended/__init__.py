"""A rejects file that comes back: which of its columns are ours, and what its cells were."""
