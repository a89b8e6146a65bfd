"""The audit stream: what is said about every session, action and approval."""
