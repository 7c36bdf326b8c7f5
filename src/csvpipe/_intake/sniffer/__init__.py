"""How a file is spelt, and where its table begins: found by trying."""
