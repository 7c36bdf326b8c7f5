"""Third stage, in a worker: parse a chunk, convert its cells, hand its rows over, count what became of them."""
