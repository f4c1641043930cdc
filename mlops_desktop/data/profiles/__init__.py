"""What is known of the columns of a version: summaries of chunks that merge, and what is computed on demand."""
