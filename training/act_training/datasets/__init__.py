"""Episodes on disk, their memory-mapped cache, statistics, chunks and report."""
