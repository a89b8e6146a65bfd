"""SET, RESET, set_config and their kin: which settings are harmless, and what is remembered of them.

A setting is harmless if it can neither change what text means, nor whose rights apply, nor
take a guard away that others rely on. All others are configuration. Names are compared
without regard to case, as the server does (guc_name_compare).
"""

from __future__ import annotations

from collections.abc import Callable

from vedette.model import Effect
from vedette.sql.facts import Setting
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope, strings
from vedette.sql.words import words

_HARMLESS = words(
    """
    application_name timezone datestyle intervalstyle extra_float_digits statement_timeout lock_timeout
    idle_in_transaction_session_timeout idle_session_timeout transaction_timeout tcp_user_timeout
    client_min_messages client_connection_check_interval work_mem maintenance_work_mem hash_mem_multiplier
    logical_decoding_work_mem temp_buffers effective_cache_size effective_io_concurrency
    default_statistics_target random_page_cost seq_page_cost cpu_tuple_cost cpu_index_tuple_cost
    cpu_operator_cost parallel_setup_cost parallel_tuple_cost constraint_exclusion cursor_tuple_fraction
    from_collapse_limit join_collapse_limit geqo geqo_threshold jit jit_above_cost plan_cache_mode
    max_parallel_workers_per_gather max_parallel_maintenance_workers min_parallel_table_scan_size
    enable_async_append enable_bitmapscan enable_gathermerge enable_hashagg enable_hashjoin
    enable_incremental_sort enable_indexonlyscan enable_indexscan enable_material enable_memoize
    enable_mergejoin enable_nestloop enable_parallel_append enable_parallel_hash enable_partition_pruning
    enable_partitionwise_aggregate enable_partitionwise_join enable_seqscan enable_sort enable_tidscan
    default_transaction_isolation default_transaction_read_only default_transaction_deferrable
    transaction_isolation transaction_read_only transaction_deferrable transaction_snapshot
    synchronize_seqscans row_security quote_all_identifiers lc_monetary lc_numeric lc_time
    default_text_search_config seed restrict_nonsystem_relation_kind debug_print_parse
    gin_fuzzy_search_limit escape_string_warning
    """
)

_HARMLESS_VALUES: dict[str, Callable[[str], bool]] = {
    "client_encoding": lambda value: value.strip().casefold() in ("utf8", "utf-8", "unicode"),
    "standard_conforming_strings": lambda value: value.strip().casefold() in ("on", "true", "yes", "1"),
    "bytea_output": lambda value: value.strip().casefold() == "hex",
    "xmloption": lambda value: value.strip().casefold() in ("content", "document"),
    "search_path": lambda value: value.strip().casefold() in ("", '""', "pg_catalog"),
    "session_replication_role": lambda value: value.strip().casefold() == "origin",
    "synchronous_commit": lambda value: value.strip().casefold() in ("on", "true", "yes", "1"),
}

_RIGHTS = frozenset({"role", "session_authorization"})
_MULTIPLE = {
    "TRANSACTION": "transaction",
    "SESSION CHARACTERISTICS": "default_transaction",
    "TRANSACTION SNAPSHOT": "transaction_snapshot",
}


def variable_set(r: Reader, node: Node, scope: Scope) -> None:
    """SET and RESET."""
    r.notes.looked = True
    kind, name = node.get("kind", "VAR_SET_VALUE"), node.get("name", "")
    local = bool(node.get("is_local"))
    if kind == "VAR_RESET_ALL":
        r.notes.settings.append(Setting("*", None))
        r.touch(Effect.READ, "setting:*")
    elif kind == "VAR_SET_MULTI":
        _multiple(r, name)
    elif kind in ("VAR_RESET", "VAR_SET_DEFAULT"):
        reset(r, name, local)
    elif kind == "VAR_SET_CURRENT":
        r.touch(Effect.READ, f"setting:{name.casefold()}")
    else:
        values = [r.look(arg) for arg in node.get("args", [])]
        known = [value for value in values if value is not None]
        change(r, name, ", ".join(known) if len(known) == len(values) else None, local)


def _multiple(r: Reader, name: str) -> None:
    if name not in _MULTIPLE:
        r.notes.unknown(f"SET {name}")
    else:
        r.touch(Effect.READ, f"setting:{_MULTIPLE[name]}")


def variable_show(r: Reader, node: Node, scope: Scope) -> None:
    """SHOW."""
    name = str(node.get("name", "")).casefold()
    r.touch(Effect.READ, "pg_catalog.pg_settings" if name == "all" else f"setting:{name}")


def change(r: Reader, name: str, value: str | None, local: bool) -> None:
    """A setting gets a value; None: one that is not a constant."""
    name = name.casefold()
    r.notes.settings.append(Setting(name, value, local))
    if name == "search_path":
        r.move(path_of(value))
    if name in _RIGHTS:
        r.touch(Effect.GRANT, f"role:{value or '*'}", resolved=value is not None)
    r.touch(Effect.READ if harmless(name, value) else Effect.CONFIGURE, f"setting:{name}")


def reset(r: Reader, name: str, local: bool = False) -> None:
    """A setting goes back to what the session began with, which the gateway has seen to."""
    name = name.casefold()
    r.notes.settings.append(Setting(name, None, local))
    if name == "search_path":
        r.move(())
    r.touch(Effect.CONFIGURE if name in _RIGHTS else Effect.READ, f"setting:{name}")


def harmless(name: str, value: str | None) -> bool:
    if name in _HARMLESS:
        return True
    test = _HARMLESS_VALUES.get(name)
    return test is not None and value is not None and test(value)


def path_of(value: str | None) -> tuple[str, ...]:
    """The search_path for what follows in this text: nothing but pg_catalog, or not known.

    A list of names is not taken at its word here: ``$user``, quoting and roles that may not use
    a schema are the engine's to resolve before the next text.
    """
    return ("pg_catalog",) if value is not None and harmless("search_path", value) else ()


def set_config(r: Reader, args: list[Node]) -> None:
    """set_config(name, value, is_local): as SET where all is constant, unknown where it is not."""
    if len(args) != 3:
        r.notes.unknown("set_config with other than three arguments")
        return
    name = _row_name(r, args[0]) or r.look(args[0])
    value, local = r.look(args[1]), r.look(args[2])
    if name is None:
        r.notes.unknown("set_config of a setting that is named when it runs")
        r.move(())
    elif value is None and name.casefold() not in _HARMLESS:
        r.notes.unknown(f"set_config of {name} to what is not a constant")
        change(r, name, None, False)
    else:
        change(r, name, value, local in ("true", "t", "on", "1"))


def _row_name(r: Reader, arg: Node) -> str | None:
    """The name where ``set_config(name, …) FROM pg_settings WHERE name = '…'`` fixes it (pg_dump)."""
    names = strings(arg.get("ColumnRef", {}).get("fields", []))
    return r.settings_row if names and names[-1] == "name" else None


def settings_row(select: Node) -> str | None:
    """The one setting that a SELECT from pg_settings is limited to, or None."""
    sources = select.get("fromClause", [])
    if len(sources) != 1 or sources[0].get("RangeVar", {}).get("relname") != "pg_settings":
        return None
    if sources[0]["RangeVar"].get("schemaname", "pg_catalog") != "pg_catalog":
        return None
    test = select.get("whereClause", {}).get("A_Expr", {})
    if test.get("kind") != "AEXPR_OP" or strings(test.get("name", []))[-1:] != ["="]:
        return None
    left = strings(test.get("lexpr", {}).get("ColumnRef", {}).get("fields", []))
    right = test.get("rexpr", {}).get("A_Const", {}).get("sval")
    return str(right.get("sval", "")) if left[-1:] == ["name"] and right is not None else None
