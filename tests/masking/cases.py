"""Values of every kind of type, with what is planted in them."""

from __future__ import annotations

from typing import NamedTuple

EMAIL = "jane.doe@example.com"
CARD = "4111111111111111"
SSN = "123-45-6789"


class Case(NamedTuple):
    """An SQL expression of one type. *planted*: a value that content rules must hide."""

    sql: str
    planted: bool


CASES = [
    Case(f"'write to {EMAIL} or {CARD}'::text", True),
    Case("'nothing here, überhaupt nichts'::text", False),
    Case(f"'{EMAIL}'::varchar(40)", True),
    Case(f"'{EMAIL}'::char(30)", True),
    Case(f"'{EMAIL}'::name", True),
    Case("'x'::\"char\"", False),
    Case(f"""'{{"a": ["{EMAIL}", {CARD}, 1.50], "b": null, "{SSN}": 1}}'::json""", True),
    Case(r"""'{"a": "jane\u0040example.com"}'::json""", True),
    Case(f"""'{{"a": ["{EMAIL}", {CARD}, 1.50], "b": null, "{SSN}": 1}}'::jsonb""", True),
    Case("""'{"a": [1, 2.50, "x\\n\\"y\\""], "a": 2}'::json""", False),
    Case(f"""'$.a ? (@ == "{EMAIL}")'::jsonpath""", True),
    Case("'550e8400-e29b-41d4-a716-446655440000'::uuid", False),
    Case("7::int2", False),
    Case("123456789::int4", False),
    Case(f"{CARD}::int8", True),
    Case("-42::int8", False),
    Case(f"{CARD}::numeric", True),
    Case(f"{CARD}.00::numeric(20,2)", True),
    Case("-1234.50::numeric", False),
    Case("'NaN'::numeric", False),
    Case("0.000012::numeric", False),
    Case(f"{CARD}::float8", True),
    Case("1.5::float8", False),
    Case("'NaN'::float8", False),
    Case("1.5::float4", False),
    Case("'12.34'::money", False),
    Case("true", False),
    Case(f"convert_to('{EMAIL}', 'UTF8')", True),
    Case(r"'\x00ff10'::bytea", False),
    Case("'2024-01-15'::date", False),
    Case("'10:30:45'::time", False),
    Case("'10:30:45+02'::timetz", False),
    Case("'2024-01-15 10:30:45.123456'::timestamp", False),
    Case("'2024-01-15 10:30:45.123456+00'::timestamptz", False),
    Case("'1 day 02:03:04'::interval", False),
    Case("'192.168.17.4/24'::inet", True),
    Case("'2001:db8::/32'::cidr", True),
    Case("'08:00:2b:01:02:03'::macaddr", False),
    Case("B'101'::varbit", False),
    Case("point(1,2)", False),
    Case(f"ARRAY['a \"q\" \\ b', '{EMAIL}', NULL, 'NULL', '']::text[]", True),
    Case(f"ARRAY[['{EMAIL}','b'],['c','{SSN}']]::varchar[]", True),
    Case("'[0:1]={a,b}'::text[]", False),
    Case("'{}'::text[]", False),
    Case(f"ARRAY[{CARD}, 5]::int8[]", True),
    Case(f"ARRAY[{CARD}.0, NULL]::numeric[]", True),
    Case("ARRAY[1,2]::int4[]", False),
    Case(f'ARRAY[\'{{"m": "{EMAIL}"}}\']::jsonb[]', True),
    Case("ARRAY['550e8400-e29b-41d4-a716-446655440000']::uuid[]", False),
    Case("ARRAY['10.1.2.3']::inet[]", True),
    Case("ARRAY[true,false]", False),
    Case(f"ROW(1, '{EMAIL}')", True),
    Case(f"to_tsvector('simple', '{EMAIL}')", True),
    Case("int4range(1,5)", False),
    Case("daterange('2024-01-01','2024-02-01')", False),
    Case(f"int8range({CARD}, {CARD}+1)", True),
    Case("'happy'::mood", False),
    Case(f"'{EMAIL}'::mail", True),
]
