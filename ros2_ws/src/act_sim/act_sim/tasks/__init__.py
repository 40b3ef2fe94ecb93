"""The tasks that ship: a file or folder each, named like its task. Adding one is all it takes."""
