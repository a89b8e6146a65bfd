"""SSH: commands on hosts, each judged before it runs. docs/ssh.md is the reference."""
