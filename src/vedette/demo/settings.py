"""The demo's vedette.yaml."""

from __future__ import annotations

from pathlib import Path

from vedette.demo.postgres import DATABASE, LOGIN

TEMPLATE = """\
gateway:
  listen: {{postgres: {port}, web: {web}}}
  data: ./vedette-data
  admins: {{groups: [dba]}}
resources:
  appdb:
    protocol: postgres
    upstream: {{host: 127.0.0.1, port: {upstream}, database: {database}, tls: disable}}
    login: {{user: {login}, password: {{file: {password}}}}}
    labels: {{env: demo}}
    record: {{parameters: masked, results: shape}}
policies:
  - name: agents
    who: {{kinds: [agent], groups: [ai-agents]}}
    where: {{labels: {{env: demo}}}}
    rules:
      - allow: {{effects: [read]}}
      - deny: {{effects: [destroy]}}
        message: agents do not drop or empty tables; leave that to a person
      - deny: {{pack: destructive-sql}}
        message: this would change every row; narrow it down with a WHERE
      - deny: {{pack: privilege-sql}}
      - deny: {{pack: filesystem-sql}}
      - hold: {{effects: [write, delete], objects: [public.orders, public.cards]}}
        approvers: {{groups: [dba], count: 1}}
        within: 10m
      - mask: {{entities: [email, phone, credit_card, us_ssn], as: partial}}
      - mask: {{columns: [public.customers.ssn], as: redact}}
      - limit: {{rows: 10000, per: action}}
"""


def write(folder: Path, *, port: int, web: int, upstream: int, password: Path) -> Path:
    """The settings in *folder*."""
    file = folder / "vedette.yaml"
    file.write_text(
        TEMPLATE.format(
            port=port, web=web, upstream=upstream, database=DATABASE, login=LOGIN, password=password
        )
    )
    return file
