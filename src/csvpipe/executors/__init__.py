"""Who runs handlers: threads of our own, or the event loop; and whose turn it is."""
