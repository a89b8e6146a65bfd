"""The protocols that are spoken."""
