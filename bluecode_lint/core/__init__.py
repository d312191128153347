"""The nouns, the seams between the rooms, and the errors. Standard library only, free of I/O."""
