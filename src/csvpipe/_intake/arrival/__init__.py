"""From whatever a caller hands over to one local file of text."""
