"""A fake API server, faithful where kubectl looks: discovery, tables, watches, logs, patches, exec, port-forward."""
