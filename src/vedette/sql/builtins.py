"""What the built-in functions of PostgreSQL 15 to 18 do beyond computing a value.

Every volatile function of pg_catalog is in exactly one of the tables below (a test compares
them with a live server), and so are the few that are dangerous though declared stable. What
is in none of them is looked up in `vedette.sql.system`, and is unknown if not there either.
Meaning: PostgreSQL manual, chapter "System Administration Functions" and neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

from vedette.model import Effect
from vedette.sql.system import FUNCTIONS
from vedette.sql.words import words


@dataclass(frozen=True, slots=True)
class Acts:
    """One effect of calling a function.

    In *object*, ``{}`` stands for the constant argument number *argument*. *relation*: that
    argument names a relation, which is the object. *locks*: something stays locked.
    """

    effect: Effect
    object: str = ""
    argument: int | None = None
    relation: bool = False
    locks: bool = False


def _of(names: str, *acts: Acts) -> dict[str, tuple[Acts, ...]]:
    return {name: acts for name in names.split()}


def _server(names: str) -> dict[str, tuple[Acts, ...]]:
    return {name: (Acts(Effect.CONFIGURE, f"system:{name}"),) for name in names.split()}


def _backend(names: str) -> dict[str, tuple[Acts, ...]]:
    return {name: (Acts(Effect.EXECUTE, f"function:pg_catalog.{name}"),) for name in names.split()}


_LARGE = "pg_catalog.pg_largeobject"
_FILE = Acts(Effect.EXPORT, "file:{}", 0)
_LOCK = Acts(Effect.WRITE, "lock:advisory", locks=True)

EFFECTS: dict[str, tuple[Acts, ...]] = {
    # Files of the server. Reading one takes its content past every table and grant: export.
    **_of("pg_read_file pg_read_file_old pg_read_binary_file pg_stat_file pg_ls_dir", _FILE),
    **_of("pg_ls_waldir pg_ls_summariesdir", Acts(Effect.EXPORT, "file:pg_wal")),
    **_of("pg_ls_archive_statusdir", Acts(Effect.EXPORT, "file:pg_wal/archive_status")),
    **_of("pg_ls_logdir", Acts(Effect.EXPORT, "file:log")),
    **_of("pg_ls_tmpdir", Acts(Effect.EXPORT, "file:base/pgsql_tmp")),
    **_of("pg_ls_logicalmapdir pg_ls_logicalsnapdir", Acts(Effect.EXPORT, "file:pg_logical")),
    **_of("pg_ls_replslotdir", Acts(Effect.EXPORT, "file:pg_replslot")),
    # Large objects.
    **_of("lo_import", _FILE, Acts(Effect.WRITE, _LARGE)),
    **_of("lo_export", Acts(Effect.EXPORT, "file:{}", 1), Acts(Effect.READ, _LARGE)),
    **_of(
        "lo_creat lo_create lo_from_bytea lo_put lowrite lo_truncate lo_truncate64",
        Acts(Effect.WRITE, _LARGE),
    ),
    **_of("lo_unlink", Acts(Effect.DESTROY, "largeobject:{}", 0)),
    **_of("lo_get loread lo_open lo_lseek lo_lseek64 lo_tell lo_tell64", Acts(Effect.READ, _LARGE)),
    # Sequences, channels, locks.
    **_of("nextval setval", Acts(Effect.WRITE, "", 0, relation=True)),
    **_of("currval pg_get_sequence_data pg_sequence_last_value", Acts(Effect.READ, "", 0, relation=True)),
    **_of("pg_notify", Acts(Effect.WRITE, "channel:{}", 0)),
    **_of(
        """pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared
        pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
        pg_try_advisory_xact_lock_shared""",
        _LOCK,
    ),
    # Other people's sessions.
    **_backend("pg_terminate_backend pg_cancel_backend pg_log_backend_memory_contexts"),
    # The server as a whole.
    **_server(
        """pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old pg_switch_wal pg_create_restore_point
        pg_backup_start pg_backup_stop pg_promote pg_wal_replay_pause pg_wal_replay_resume
        pg_log_standby_snapshot pg_stop_making_pinned_objects pg_extension_config_dump pg_nextoid
        pg_stat_reset pg_stat_reset_backend_stats pg_stat_reset_replication_slot pg_stat_reset_shared
        pg_stat_reset_single_function_counters pg_stat_reset_single_table_counters pg_stat_reset_slru
        pg_stat_reset_subscription_stats"""
    ),
    **_server(
        """pg_copy_logical_replication_slot pg_copy_physical_replication_slot
        pg_create_logical_replication_slot pg_create_physical_replication_slot pg_drop_replication_slot
        pg_replication_slot_advance pg_sync_replication_slots pg_replication_origin_advance
        pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_session_reset
        pg_replication_origin_session_setup pg_replication_origin_xact_reset
        pg_replication_origin_xact_setup"""
    ),
    **_server(
        """binary_upgrade_add_sub_rel_state binary_upgrade_create_empty_extension
        binary_upgrade_logical_slot_has_caught_up binary_upgrade_replorigin_advance
        binary_upgrade_set_missing_value binary_upgrade_set_next_array_pg_type_oid
        binary_upgrade_set_next_heap_pg_class_oid binary_upgrade_set_next_heap_relfilenode
        binary_upgrade_set_next_index_pg_class_oid binary_upgrade_set_next_index_relfilenode
        binary_upgrade_set_next_multirange_array_pg_type_oid
        binary_upgrade_set_next_multirange_pg_type_oid binary_upgrade_set_next_pg_authid_oid
        binary_upgrade_set_next_pg_enum_oid binary_upgrade_set_next_pg_tablespace_oid
        binary_upgrade_set_next_pg_type_oid binary_upgrade_set_next_toast_pg_class_oid
        binary_upgrade_set_next_toast_relfilenode binary_upgrade_set_record_init_privs"""
    ),
    # What changed, whoever may read the tables.
    **_of(
        """pg_logical_slot_get_binary_changes pg_logical_slot_get_changes
        pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes""",
        Acts(Effect.EXPORT, "slot:{}", 0),
    ),
    **_of("pg_logical_emit_message", Acts(Effect.WRITE, "wal:message")),
    **_of("pg_import_system_collations", Acts(Effect.CREATE, "collation:*")),
    **_of(
        "brin_desummarize_range brin_summarize_new_values brin_summarize_range gin_clean_pending_list",
        Acts(Effect.ALTER, "", 0, relation=True),
    ),
    **_of(
        """pg_clear_attribute_stats pg_clear_relation_stats pg_restore_attribute_stats
        pg_restore_relation_stats""",
        Acts(Effect.ALTER, "statistics:*"),
    ),
    # Reads of what has a name of its own in pg_catalog.
    **_of("pg_hba_file_rules", Acts(Effect.READ, "pg_catalog.pg_hba_file_rules")),
    **_of("pg_ident_file_mappings", Acts(Effect.READ, "pg_catalog.pg_ident_file_mappings")),
    **_of("pg_show_all_file_settings", Acts(Effect.READ, "pg_catalog.pg_file_settings")),
    **_of("pg_show_all_settings", Acts(Effect.READ, "pg_catalog.pg_settings")),
    **_of("current_setting", Acts(Effect.READ, "setting:{}", 0)),
    **_of(
        "pg_stat_get_activity pg_stat_get_backend_activity pg_stat_get_backend_client_addr",
        Acts(Effect.READ, "pg_catalog.pg_stat_activity"),
    ),
    **_of("pg_prepared_xact", Acts(Effect.READ, "pg_catalog.pg_prepared_xacts")),
    **_of("pg_lock_status", Acts(Effect.READ, "pg_catalog.pg_locks")),
}

SPECIAL = words(
    """
    set_config query_to_xml query_to_xmlschema query_to_xml_and_xmlschema ts_stat ts_rewrite
    cursor_to_xml cursor_to_xmlschema
    table_to_xml table_to_xml_and_xmlschema table_to_xmlschema
    schema_to_xml schema_to_xml_and_xmlschema schema_to_xmlschema
    database_to_xml database_to_xml_and_xmlschema database_to_xmlschema
    """
)
"""Read by `vedette.sql.special`: they run text, read a whole table or change a setting."""

HARMLESS = words(
    """
    amvalidate array_sample array_shuffle clock_timestamp current_query currtid2 gen_random_uuid lastval
    lo_close pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared pg_available_wal_summaries
    pg_blocking_pids pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery
    pg_control_system pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn
    pg_current_wal_lsn pg_database_collation_actual_version pg_database_size pg_export_snapshot pg_get_aios
    pg_get_backend_memory_contexts pg_get_loaded_modules pg_get_multixact_members pg_get_shmem_allocations
    pg_get_shmem_allocations_numa pg_get_wait_events pg_get_wal_replay_pause_state
    pg_get_wal_resource_managers pg_get_wal_summarizer_state pg_indexes_size pg_is_in_recovery
    pg_is_wal_replay_paused pg_isolation_test_session_is_blocked pg_jit_available pg_last_committed_xact
    pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_notification_queue_usage
    pg_partition_ancestors pg_partition_tree pg_relation_size pg_replication_origin_progress
    pg_replication_origin_session_is_setup pg_replication_origin_session_progress
    pg_safe_snapshot_blocking_pids pg_show_replication_origin_status pg_sleep pg_sleep_for pg_sleep_until
    pg_stat_clear_snapshot pg_stat_force_next_flush pg_stat_get_backend_io pg_stat_get_backend_wal
    pg_stat_get_io pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit
    pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time
    pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted
    pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted
    pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated
    pg_stat_have_stats pg_table_size pg_tablespace_size pg_total_relation_size pg_wal_summary_contents
    pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status random random_normal setseed
    timeofday txid_status uuidv4 uuidv7
    """
)
"""Volatile because their answer changes, not because they change anything but their own session."""

UNCALLABLE = words(
    """
    RI_FKey_cascade_del RI_FKey_cascade_upd RI_FKey_check_ins RI_FKey_check_upd RI_FKey_noaction_del
    RI_FKey_noaction_upd RI_FKey_restrict_del RI_FKey_restrict_upd RI_FKey_setdefault_del
    RI_FKey_setdefault_upd RI_FKey_setnull_del RI_FKey_setnull_upd bernoulli system brinhandler bthandler
    ginhandler gisthandler hashhandler heap_tableam_handler spghandler dsnowball_init dsnowball_lexize
    plpgsql_call_handler plpgsql_inline_handler plpgsql_validator suppress_redundant_updates_trigger
    tsvector_update_trigger tsvector_update_trigger_column unique_key_recheck
    """
)
"""The server's own (handlers, trigger functions): nobody calls them in a statement, so unknown."""

WHOLE_ROW = words(
    """
    row_to_json to_json to_jsonb json_build_array jsonb_build_array json_build_object jsonb_build_object
    json_agg json_agg_strict jsonb_agg jsonb_agg_strict array_agg any_value concat hash_record record_out
    record_send quote_literal quote_nullable min max first_value last_value lag lead mode text xml
    """
)
"""Callable on a row by writing ``alias.name``: what looks like a column gives the whole row."""

HARMLESS_C = words(
    """
    uuid_nil uuid_ns_dns uuid_ns_url uuid_ns_oid uuid_ns_x500 uuid_generate_v1 uuid_generate_v1mc
    uuid_generate_v3 uuid_generate_v4 uuid_generate_v5
    pg_digest pg_hmac pg_crypt pg_gen_salt pg_gen_salt_rounds pg_random_bytes pg_random_uuid pg_encrypt
    pg_decrypt pg_encrypt_iv pg_decrypt_iv pg_armor pg_dearmor pgp_sym_encrypt_text pgp_sym_decrypt_text
    similarity word_similarity strict_word_similarity show_trgm show_limit similarity_op
    unaccent_dict levenshtein levenshtein_with_costs levenshtein_less_equal soundex difference metaphone
    dmetaphone dmetaphone_alt daitch_mokotoff
    l2_distance inner_product cosine_distance l1_distance vector_dims vector_norm l2_normalize
    vector_l2_squared_distance vector_negative_inner_product vector_spherical_distance vector_add vector_sub
    vector_mul vector_concat subvector binary_quantize vector_to_halfvec halfvec_to_vector
    halfvec_l2_distance halfvec_inner_product halfvec_cosine_distance halfvec_l1_distance hamming_distance
    jaccard_distance sparsevec_l2_distance sparsevec_inner_product sparsevec_cosine_distance
    """
)
"""C symbols (prosrc) of contrib and pgvector functions that only compute. Only a superuser can
create a function in C, so a symbol of this name is the extension's."""


def known(name: str) -> bool:
    """Whether pg_catalog has a function of that name."""
    return name in FUNCTIONS or name in HARMLESS or name in EFFECTS or name in SPECIAL or name in UNCALLABLE


def classified(name: str) -> bool:
    """Whether what a volatile function does is known: what the test against a server asks."""
    return name in EFFECTS or name in SPECIAL or name in HARMLESS or name in UNCALLABLE
