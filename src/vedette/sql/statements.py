"""The table: node type -> who reads it. What is not in it is unknown."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.model import Effect
from vedette.sql import (
    calls,
    definitions,
    expressions,
    privileges,
    queries,
    session,
    settings,
    transfer,
    upkeep,
)
from vedette.sql.definitions import made
from vedette.sql.reader import PLAIN, SKIP, Read
from vedette.sql.upkeep import foreign, named, server_wide
from vedette.sql.words import words

STATEMENTS: dict[str, Read | str] = {
    "SelectStmt": queries.select,
    "InsertStmt": queries.insert,
    "UpdateStmt": queries.update,
    "DeleteStmt": queries.delete,
    "MergeStmt": queries.merge,
    "ReturnStmt": PLAIN,
    "CallStmt": calls.procedure,
    "CopyStmt": transfer.copy,
    "DoStmt": session.do_block,
    "ExplainStmt": session.explain,
    # Session.
    "TransactionStmt": session.transaction,
    "PrepareStmt": session.prepare,
    "ExecuteStmt": session.execute,
    "DeallocateStmt": session.nothing,
    "DeclareCursorStmt": session.declare,
    "FetchStmt": session.fetch,
    "ClosePortalStmt": session.nothing,
    "ListenStmt": session.listen,
    "UnlistenStmt": session.nothing,
    "NotifyStmt": session.notify,
    "ConstraintsSetStmt": session.nothing,
    "DiscardStmt": session.discard,
    "LockStmt": session.lock,
    "VariableSetStmt": settings.variable_set,
    "VariableShowStmt": settings.variable_show,
    # Definitions.
    "CreateStmt": definitions.create_relation,
    "CreateForeignTableStmt": definitions.create_relation,
    "CreateTableAsStmt": definitions.create_as,
    "ViewStmt": definitions.create_view,
    "CreateSeqStmt": definitions.create_sequence,
    "IndexStmt": definitions.create_index,
    "CreateFunctionStmt": definitions.create_function,
    "CreateTrigStmt": definitions.create_trigger,
    "RuleStmt": definitions.create_rule,
    "CreatePolicyStmt": definitions.create_policy,
    "AlterPolicyStmt": definitions.create_policy,
    "CreateSchemaStmt": definitions.create_schema,
    "DefineStmt": definitions.define,
    "CreateDomainStmt": definitions.domain,
    "AlterDomainStmt": definitions.alter_domain,
    "CompositeTypeStmt": definitions.composite,
    "CreateEnumStmt": made("type", "typeName"),
    "CreateRangeStmt": made("type", "typeName"),
    "AlterEnumStmt": definitions.alter_listed("type", "typeName"),
    "AlterTypeStmt": definitions.alter_listed("type", "typeName"),
    "AlterCollationStmt": definitions.alter_listed("collation", "collname"),
    "AlterTSDictionaryStmt": definitions.alter_listed("text_search_dictionary", "dictname"),
    "AlterTSConfigurationStmt": definitions.alter_listed("text_search_configuration", "cfgname"),
    "CreateOpClassStmt": made("opclass", "opclassname"),
    "CreateOpFamilyStmt": made("opfamily", "opfamilyname"),
    "AlterOpFamilyStmt": definitions.alter_listed("opfamily", "opfamilyname"),
    "AlterOperatorStmt": definitions.alter_operator,
    "CreateStatsStmt": definitions.create_statistics,
    "AlterStatsStmt": definitions.alter_listed("statistics", "defnames"),
    "CreateConversionStmt": made("conversion", "conversion_name"),
    "CreateCastStmt": server_wide(Effect.CREATE, "cast:*"),
    "CreateTransformStmt": server_wide(Effect.CREATE, "transform:*"),
    "CreateAmStmt": made("access_method", "amname"),
    "CreatePLangStmt": definitions.create_language,
    "AlterFunctionStmt": definitions.alter_function,
    "AlterTableStmt": definitions.alter_table,
    "AlterTableMoveAllStmt": named(Effect.ALTER, "tablespace", "orig_tablespacename"),
    "AlterSeqStmt": definitions.alter_sequence,
    "RenameStmt": definitions.alter_named,
    "AlterObjectSchemaStmt": definitions.alter_named,
    "AlterObjectDependsStmt": definitions.alter_named,
    "CommentStmt": definitions.alter_named,
    "DropStmt": definitions.drop,
    "TruncateStmt": definitions.truncate,
    # Rights.
    "GrantStmt": privileges.grant,
    "GrantRoleStmt": privileges.grant_role,
    "AlterDefaultPrivilegesStmt": privileges.default_privileges,
    "CreateRoleStmt": privileges.role,
    "AlterRoleStmt": privileges.role,
    "AlterRoleSetStmt": privileges.role_setting,
    "DropRoleStmt": privileges.drop_role,
    "DropOwnedStmt": privileges.drop_owned,
    "ReassignOwnedStmt": privileges.reassign_owned,
    "AlterOwnerStmt": privileges.owner,
    "SecLabelStmt": privileges.security_label,
    # The database and the server.
    "VacuumStmt": upkeep.vacuum,
    "ClusterStmt": upkeep.maintain,
    "ReindexStmt": upkeep.maintain,
    "RefreshMatViewStmt": upkeep.refresh,
    "AlterSystemStmt": upkeep.alter_system,
    "CheckPointStmt": server_wide(Effect.CONFIGURE, "system:checkpoint"),
    "LoadStmt": upkeep.load,
    "CreatedbStmt": named(Effect.CREATE, "database", "dbname"),
    "DropdbStmt": upkeep.drop_database,
    "AlterDatabaseStmt": named(Effect.CONFIGURE, "database", "dbname"),
    "AlterDatabaseSetStmt": upkeep.database_setting,
    "AlterDatabaseRefreshCollStmt": named(Effect.ALTER, "database", "dbname"),
    "CreateTableSpaceStmt": foreign(Effect.CREATE, "tablespace", "tablespacename"),
    "DropTableSpaceStmt": named(Effect.DESTROY, "tablespace", "tablespacename"),
    "AlterTableSpaceOptionsStmt": named(Effect.CONFIGURE, "tablespace", "tablespacename"),
    "CreateExtensionStmt": upkeep.create_extension,
    "AlterExtensionStmt": upkeep.alter_extension,
    "AlterExtensionContentsStmt": upkeep.alter_extension,
    "CreateEventTrigStmt": upkeep.event_trigger,
    "AlterEventTrigStmt": named(Effect.CONFIGURE, "event_trigger", "trigname"),
    "CreateFdwStmt": foreign(Effect.CREATE, "wrapper", "fdwname"),
    "AlterFdwStmt": foreign(Effect.ALTER, "wrapper", "fdwname"),
    "CreateForeignServerStmt": foreign(Effect.CREATE, "server", "servername"),
    "AlterForeignServerStmt": foreign(Effect.ALTER, "server", "servername"),
    "CreateUserMappingStmt": foreign(Effect.GRANT, "usermapping", "servername"),
    "AlterUserMappingStmt": foreign(Effect.GRANT, "usermapping", "servername"),
    "DropUserMappingStmt": foreign(Effect.GRANT, "usermapping", "servername"),
    "ImportForeignSchemaStmt": upkeep.import_foreign,
    "CreatePublicationStmt": upkeep.publication,
    "AlterPublicationStmt": upkeep.publication,
    "CreateSubscriptionStmt": upkeep.subscription,
    "AlterSubscriptionStmt": upkeep.subscription,
    "DropSubscriptionStmt": upkeep.drop_subscription,
}

PARTS: dict[str, Read | str] = {
    "ColumnRef": expressions.column,
    "A_Indirection": expressions.indirection,
    "A_Expr": expressions.operator,
    "FuncCall": calls.call,
    "SubLink": expressions.sublink,
    "ResTarget": expressions.target,
    "SortBy": expressions.sort,
    "RangeVar": queries.range_var,
    "RangeSubselect": queries.ranged,
    "RangeFunction": queries.range_function,
    "RangeTableFunc": queries.ranged,
    "JsonTable": queries.ranged,
    "JoinExpr": queries.ranged,
    "LockingClause": queries.locking,
    "Constraint": definitions.constraint,
    "TableLikeClause": definitions.table_like,
    "A_Const": SKIP,
    "A_Star": PLAIN,
    "TypeName": SKIP,
    "typeName": SKIP,
    "ParamRef": SKIP,
    "String": SKIP,
    "Integer": SKIP,
    "Float": SKIP,
    "Boolean": SKIP,
    "BitString": SKIP,
    "CurrentOfExpr": SKIP,
    "SQLValueFunction": SKIP,
    "SetToDefault": SKIP,
    "MergeSupportFunc": SKIP,
    "JsonFormat": SKIP,
    "RoleSpec": SKIP,
    "AccessPriv": SKIP,
    "ReturningOption": definitions.returning_alias,
    **dict.fromkeys(
        words(
            """
            A_ArrayExpr A_Indices BoolExpr BooleanTest CaseExpr CaseWhen CoalesceExpr CollateClause
            CommonTableExpr CTECycleClause CTESearchClause ColumnDef DefElem FunctionParameter GroupingFunc
            GroupingSet IndexElem InferClause JsonAggConstructor JsonArgument JsonArrayAgg
            JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior JsonFuncExpr JsonIsPredicate
            JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonReturning
            JsonScalarExpr JsonSerializeExpr JsonTableColumn JsonTablePathSpec JsonValueExpr List
            MergeWhenClause MinMaxExpr MultiAssignRef NamedArgExpr NullTest OnConflictClause
            PartitionBoundSpec PartitionCmd PartitionElem PartitionRangeDatum PartitionSpec RangeTableFuncCol
            RangeTableSample ReturningClause RowExpr StatsElem TypeCast WindowDef WithClause XmlExpr
            XmlSerialize ReplicaIdentityStmt ATAlterConstraint TriggerTransition CreateOpClassItem
            ObjectWithArgs
            """
        ),
        PLAIN,
    ),
}

NODES: Mapping[str, Read | str] = {**STATEMENTS, **PARTS}
