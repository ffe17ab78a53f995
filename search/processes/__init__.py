"""Which process is meant, and how it is asked to end."""
