"""Which characters a file has: its encoding, stated or found."""
