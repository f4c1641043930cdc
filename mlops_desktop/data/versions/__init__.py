"""The row store: how versions are cut into chunks, stored as pieces of Parquet objects, and read back."""
