"""Real servers and wires for the tests: PostgreSQL, a recording tap, the gateway itself.

Everything binds loopback only, lives below one temporary folder, and ends with the test run by its
own process id, even when pytest is killed (the kernel tells the children).
"""
