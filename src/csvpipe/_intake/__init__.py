"""The first stage of a file's way through the house: bytes in, one local file and how to read it out."""
