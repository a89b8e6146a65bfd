"""`make bench`: what the gateway costs, as ratios beside direct connections and pgbouncer in one run.

CPU is what the operating system charged the process under test, never what a clock on a shared machine says;
the sides take turns, and medians are compared. Nothing here asserts: it prints a table.
"""
