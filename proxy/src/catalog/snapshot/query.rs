//! The text of the query: one table of sections, in reading order.
//!
//! It must never let the session's own search_path give an operator, a type or a relation another meaning.

/// The query. Sections: `cell` the domain's oid; `schema`; `relation` with its columns in `attribute`,
/// parents in `parent`, view and rule dependencies in `depends`, triggers, unique indexes and foreign keys (`referenced`), and, of what has to do
/// with cells, the `definition` of views, row security policies in `policy` and the WHEN of triggers; `function`;
/// `operator`; `type`, and what `runs` code without being a call of it, both only where a function exists that is not
/// C of an extension; `temporary` names of this session; columns of `system` relations that `sql` corrects.
///
/// Operators and types are written with their schema: the session's own search_path must not give them another meaning.
/// `set_config` is never called: a query that names it has no parallel plan. Under a session's own
/// `parallel_setup_cost = 0` there was one, and it took minutes to start workers. What prints an expression opens its
/// relation, waits for who drops it and then fails: it is asked for cells only. Relations with cells are found from the
/// domain on, by `pg_depend`: a scan of `pg_attribute` cost as much as the rest (docs/decisions/catalog-readings.md).
/// So is what runs code, from what there is to be run. Columns are joined with `pg_class` itself: of `r` the planner has no
/// statistics, and would make the hash of the columns.
///
/// Sources: PostgreSQL 15, chapter 53, System Catalogs; ruleutils.c, `set_relation_column_names`; heap.c,
/// `AddNewAttributeTuples`, for the dependency of a column on its type.
pub const SNAPSHOT: &str = "\
WITH RECURSIVE n AS (
  SELECT oid, nspname FROM pg_catalog.pg_namespace
  WHERE nspname OPERATOR(pg_catalog.<>) 'pg_catalog' AND nspname OPERATOR(pg_catalog.<>) 'information_schema'
    AND nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp)'
    AND (true OR pg_catalog.set_config('', '', true) IS NULL)
), r AS (
  SELECT c.oid, c.relname, n.nspname, c.relkind, c.relrowsecurity, c.relhasrules, c.relhastriggers
  FROM pg_catalog.pg_class c JOIN n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f,S,c}'::pg_catalog.\"char\"[])
), depends AS (
  SELECT DISTINCT w.ev_class, d.refobjid
  FROM pg_catalog.pg_rewrite w JOIN r ON r.oid OPERATOR(pg_catalog.=) w.ev_class
  JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    AND d.objid OPERATOR(pg_catalog.=) w.oid
   AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjid OPERATOR(pg_catalog.<>) w.ev_class
), cells AS (
  SELECT a.attrelid AS oid
  FROM n JOIN pg_catalog.pg_type t ON t.typnamespace OPERATOR(pg_catalog.=) n.oid
    JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
    AND d.refobjid OPERATOR(pg_catalog.=) t.oid
    AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) d.objid
    AND a.attnum OPERATOR(pg_catalog.=) d.objsubid AND a.atttypid OPERATOR(pg_catalog.=) t.oid
  WHERE n.nspname OPERATOR(pg_catalog.=) 'hippocrypt' AND t.typname OPERATOR(pg_catalog.=) 'cell'
    AND NOT a.attisdropped
  UNION SELECT depends.ev_class FROM cells JOIN depends ON depends.refobjid OPERATOR(pg_catalog.=) cells.oid
), code AS (
  SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
  WHERE p.oid OPERATOR(pg_catalog.>=) 16384
    AND NOT (l.lanname OPERATOR(pg_catalog.=) ANY ('{c,internal}'::pg_catalog.name[]) AND EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
    AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'))
  LIMIT 1
), d AS MATERIALIZED (
  SELECT d.classid, d.objid, CASE d.refclassid WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN 'f'
           WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass THEN 'o'
           WHEN 'pg_catalog.pg_type'::pg_catalog.regclass
             THEN CASE WHEN t.typrelid OPERATOR(pg_catalog.<>) 0 THEN 'r' ELSE 't' END
           ELSE 'y' END AS kind,
         COALESCE(y.opcfamily, NULLIF(t.typrelid, 0), d.refobjid) AS its
  FROM pg_catalog.pg_depend d
  LEFT JOIN pg_catalog.pg_type t ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
    AND t.oid OPERATOR(pg_catalog.=) d.refobjid
  LEFT JOIN pg_catalog.pg_opclass y ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_opclass'::pg_catalog.regclass
    AND y.oid OPERATOR(pg_catalog.=) d.refobjid
  WHERE d.refclassid OPERATOR(pg_catalog.=) ANY ('{pg_catalog.pg_proc,pg_catalog.pg_operator,pg_catalog.pg_type,\
pg_catalog.pg_opclass,pg_catalog.pg_opfamily}'::pg_catalog.regclass[])
    AND d.refobjid OPERATOR(pg_catalog.>=) 16384 AND EXISTS (SELECT FROM code)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_type c JOIN n ON n.oid OPERATOR(pg_catalog.=) c.typnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) 'hippocrypt' AND c.typname OPERATOR(pg_catalog.=) 'cell'
    AND t.oid OPERATOR(pg_catalog.=) ANY (ARRAY[c.oid, c.typarray]))
), runs (kind, oid, writes, its_kind, its_oid) AS (
  SELECT o.kind, o.its, o.writes, d.kind, d.its
  FROM d CROSS JOIN LATERAL (
    SELECT 'r' AS kind, adrelid AS its, true AS writes FROM pg_catalog.pg_attrdef
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND oid OPERATOR(pg_catalog.=) d.objid
    UNION ALL SELECT 'r', conrelid, true FROM pg_catalog.pg_constraint
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
      AND oid OPERATOR(pg_catalog.=) d.objid AND conrelid OPERATOR(pg_catalog.<>) 0
    UNION ALL SELECT 't', contypid, true FROM pg_catalog.pg_constraint
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
      AND oid OPERATOR(pg_catalog.=) d.objid AND contypid OPERATOR(pg_catalog.<>) 0
    UNION ALL SELECT 'r', oid, false FROM pg_catalog.pg_class
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
      AND oid OPERATOR(pg_catalog.=) d.objid AND relkind OPERATOR(pg_catalog.<>) ALL ('{i,I}'::pg_catalog.\"char\"[])
    UNION ALL SELECT 'r', indrelid, true FROM pg_catalog.pg_index
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
      AND indexrelid OPERATOR(pg_catalog.=) d.objid
    UNION ALL SELECT 'r', polrelid, false FROM pg_catalog.pg_policy
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass AND oid OPERATOR(pg_catalog.=) d.objid
    UNION ALL SELECT 'r', ev_class, false FROM pg_catalog.pg_rewrite
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND oid OPERATOR(pg_catalog.=) d.objid
    UNION ALL SELECT 'r', tgrelid, true FROM pg_catalog.pg_trigger
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass
      AND oid OPERATOR(pg_catalog.=) d.objid AND NOT tgisinternal
    UNION ALL SELECT 'f', d.objid, false WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
    UNION ALL SELECT 'o', d.objid, false WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass
    UNION ALL SELECT 't', d.objid, false WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
    UNION ALL SELECT CASE WHEN v.its IS NULL THEN 's' ELSE 't' END, COALESCE(v.its, 0), false
    FROM pg_catalog.pg_cast c LEFT JOIN LATERAL (VALUES (c.castsource), (c.casttarget)) v (its)
      ON v.its OPERATOR(pg_catalog.>=) 16384
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_cast'::pg_catalog.regclass AND c.oid OPERATOR(pg_catalog.=) d.objid
    UNION ALL SELECT 'y', opcfamily, false FROM pg_catalog.pg_opclass
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_opclass'::pg_catalog.regclass AND oid OPERATOR(pg_catalog.=) d.objid
    UNION ALL SELECT 'y', amprocfamily, false FROM pg_catalog.pg_amproc
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_amproc'::pg_catalog.regclass AND oid OPERATOR(pg_catalog.=) d.objid
    UNION ALL SELECT 'y', amopfamily, false FROM pg_catalog.pg_amop
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_amop'::pg_catalog.regclass AND oid OPERATOR(pg_catalog.=) d.objid
    UNION ALL SELECT 'd', 0, false FROM pg_catalog.pg_event_trigger
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_event_trigger'::pg_catalog.regclass
      AND oid OPERATOR(pg_catalog.=) d.objid AND evtenabled OPERATOR(pg_catalog.<>) 'D'
  ) o
  UNION ALL SELECT 'r', confrelid, true, 'r', conrelid FROM pg_catalog.pg_constraint
  WHERE contype OPERATOR(pg_catalog.=) 'f' AND (confdeltype OPERATOR(pg_catalog.=) ANY ('{c,n,d}'::pg_catalog.\"char\"[])
    OR confupdtype OPERATOR(pg_catalog.=) ANY ('{c,n,d}'::pg_catalog.\"char\"[]))
  UNION ALL SELECT CASE WHEN opcintype OPERATOR(pg_catalog.>=) 16384 THEN 't' ELSE 's' END,
         CASE WHEN opcintype OPERATOR(pg_catalog.>=) 16384 THEN opcintype ELSE 0 END, false, 'y', opcfamily
  FROM pg_catalog.pg_opclass WHERE opcdefault AND oid OPERATOR(pg_catalog.>=) 16384
  UNION ALL SELECT 'r', t.typrelid, false, 't', t.oid FROM pg_catalog.pg_type t
  WHERE t.typrelid OPERATOR(pg_catalog.<>) 0 AND t.oid OPERATOR(pg_catalog.>=) 16384
    AND t.oid OPERATOR(pg_catalog.=) ANY (SELECT castsource FROM pg_catalog.pg_cast
    UNION ALL SELECT casttarget FROM pg_catalog.pg_cast UNION ALL SELECT opcintype FROM pg_catalog.pg_opclass)
  UNION ALL SELECT 'o', o.oid, false, 'o', v.its
  FROM pg_catalog.pg_operator o CROSS JOIN LATERAL (VALUES (o.oprcom), (o.oprnegate)) v (its)
  WHERE v.its OPERATOR(pg_catalog.>=) 16384
)
SELECT 'cell' AS s, t.oid::pg_catalog.text AS a, NULL::pg_catalog.text AS b, NULL::pg_catalog.text AS c,
       NULL::pg_catalog.text AS d, NULL::pg_catalog.text AS e,
       NULL::pg_catalog.text AS f, NULL::pg_catalog.text AS g
  FROM pg_catalog.pg_type t JOIN n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
  WHERE n.nspname OPERATOR(pg_catalog.=) 'hippocrypt' AND t.typname OPERATOR(pg_catalog.=) 'cell'
    AND t.typtype OPERATOR(pg_catalog.=) 'd' AND t.typbasetype OPERATOR(pg_catalog.=) 17
UNION ALL SELECT 'schema', nspname::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL FROM n
UNION ALL SELECT 'relation', oid::pg_catalog.text, nspname::pg_catalog.text, relname::pg_catalog.text,
       relkind::pg_catalog.text, relrowsecurity::pg_catalog.text, NULL, NULL FROM r
UNION ALL SELECT 'attribute', a.attrelid::pg_catalog.text, a.attnum::pg_catalog.text, a.attname::pg_catalog.text,
       a.atttypid::pg_catalog.text, a.atttypmod::pg_catalog.text,
                 a.attnotnull::pg_catalog.text, (CASE WHEN a.attgenerated OPERATOR(pg_catalog.<>) ''
    THEN 'g' WHEN a.atthasdef OR a.attidentity OPERATOR(pg_catalog.<>) '' THEN 'd' ELSE '' END)
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
  WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f,c}'::pg_catalog.\"char\"[])
    AND c.relnamespace OPERATOR(pg_catalog.=) ANY (SELECT oid FROM n)
UNION ALL SELECT 'parent', i.inhrelid::pg_catalog.text, i.inhparent::pg_catalog.text, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_inherits i JOIN r ON r.oid OPERATOR(pg_catalog.=) i.inhrelid
UNION ALL SELECT 'depends', ev_class::pg_catalog.text, refobjid::pg_catalog.text, NULL, NULL, NULL, NULL, NULL
  FROM depends
UNION ALL SELECT 'definition', r.oid::pg_catalog.text, pg_catalog.pg_get_viewdef(r.oid), NULL, NULL, NULL, NULL, NULL
  FROM r JOIN cells ON cells.oid OPERATOR(pg_catalog.=) r.oid
  WHERE r.relkind OPERATOR(pg_catalog.=) ANY ('{v,m}'::pg_catalog.\"char\"[])
UNION ALL SELECT 'partitioned', p.partrelid::pg_catalog.text, p.partattrs::pg_catalog.text, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_partitioned_table p JOIN r ON r.oid OPERATOR(pg_catalog.=) p.partrelid
UNION ALL SELECT 'policy', p.polrelid::pg_catalog.text, pg_catalog.pg_get_expr(e.expr, p.polrelid), NULL, NULL, NULL,
       NULL, NULL
  FROM pg_catalog.pg_policy p JOIN r ON r.oid OPERATOR(pg_catalog.=) p.polrelid
    CROSS JOIN LATERAL (VALUES (p.polqual), (p.polwithcheck)) e (expr)
  WHERE e.expr IS NOT NULL AND EXISTS (
    SELECT FROM pg_catalog.pg_depend d JOIN cells ON cells.oid OPERATOR(pg_catalog.=) d.refobjid
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass
    AND d.objid OPERATOR(pg_catalog.=) p.oid
    AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass)
UNION ALL SELECT 'grants', a.attrelid::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_attribute a JOIN r ON r.oid OPERATOR(pg_catalog.=) a.attrelid WHERE a.attacl IS NOT NULL
UNION ALL SELECT 'grants', c.oid::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_class c JOIN r ON r.oid OPERATOR(pg_catalog.=) c.oid
  WHERE EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) g
    WHERE g.privilege_type OPERATOR(pg_catalog.=) ANY ('{INSERT,UPDATE,DELETE}'::pg_catalog.text[])
      AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) s
        WHERE s.grantee OPERATOR(pg_catalog.=) g.grantee AND s.privilege_type OPERATOR(pg_catalog.=) 'SELECT'))
UNION ALL SELECT 'grants', r.oid::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL
  FROM r WHERE EXISTS (SELECT FROM pg_catalog.pg_auth_members m
    WHERE m.roleid OPERATOR(pg_catalog.=) pg_catalog.to_regrole('pg_write_all_data')::pg_catalog.oid)
UNION ALL SELECT 'rules', w.ev_class::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_rewrite w JOIN r ON r.oid OPERATOR(pg_catalog.=) w.ev_class
    WHERE w.rulename OPERATOR(pg_catalog.<>) '_RETURN'
UNION ALL SELECT 'default', d.adrelid::pg_catalog.text, d.adnum::pg_catalog.text,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), NULL, NULL, NULL, NULL
  FROM cells JOIN r ON r.oid OPERATOR(pg_catalog.=) cells.oid
  JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) r.oid
  JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) d.adrelid
    AND a.attnum OPERATOR(pg_catalog.=) d.adnum AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid AND t.typname OPERATOR(pg_catalog.=) 'cell'
  JOIN n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace AND n.nspname OPERATOR(pg_catalog.=) 'hippocrypt'
UNION ALL SELECT 'trigger', t.tgrelid::pg_catalog.text, fn.nspname::pg_catalog.text, p.proname::pg_catalog.text,
       CASE WHEN (t.tgqual IS NOT NULL OR t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL)
         AND EXISTS (SELECT FROM cells WHERE cells.oid OPERATOR(pg_catalog.=) t.tgrelid)
         THEN pg_catalog.pg_get_triggerdef(t.oid) END, NULL, NULL, NULL
  FROM pg_catalog.pg_trigger t JOIN r ON r.oid OPERATOR(pg_catalog.=) t.tgrelid
    JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
  JOIN pg_catalog.pg_namespace fn ON fn.oid OPERATOR(pg_catalog.=) p.pronamespace
  WHERE NOT t.tgisinternal AND t.tgenabled OPERATOR(pg_catalog.<>) 'D'
UNION ALL SELECT 'unique', x.indrelid::pg_catalog.text, x.indkey::pg_catalog.text, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_index x JOIN r ON r.oid OPERATOR(pg_catalog.=) x.indrelid
  WHERE x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
UNION ALL SELECT 'referenced', k.confrelid::pg_catalog.text, k.conrelid::pg_catalog.text, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_constraint k JOIN r ON r.oid OPERATOR(pg_catalog.=) k.confrelid
  WHERE k.contype OPERATOR(pg_catalog.=) 'f'
UNION ALL SELECT 'function', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, l.lanname::pg_catalog.text,
       x.extname::pg_catalog.text,
       CASE WHEN l.lanname OPERATOR(pg_catalog.=) ANY ('{sql,plpgsql}'::pg_catalog.name[])
         AND p.prokind OPERATOR(pg_catalog.=) ANY ('{f,p}'::pg_catalog.\"char\"[])
         THEN pg_catalog.pg_get_functiondef(p.oid) END, p.oid::pg_catalog.text,
       CASE WHEN p.prokind OPERATOR(pg_catalog.=) 'a' AND x.extname IS NULL THEN 'a'
         WHEN t.typtype OPERATOR(pg_catalog.=) ANY ('{c,p,d}'::pg_catalog.\"char\"[])
         AND p.pronargs OPERATOR(pg_catalog.-) p.pronargdefaults OPERATOR(pg_catalog.<=) 1 THEN 'r' ELSE '' END
  FROM pg_catalog.pg_proc p JOIN n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
  LEFT JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) p.proargtypes[0]
  LEFT JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) p.oid
   AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
    AND d.deptype OPERATOR(pg_catalog.=) 'e'
  LEFT JOIN pg_catalog.pg_extension x ON x.oid OPERATOR(pg_catalog.=) d.refobjid
UNION ALL SELECT 'operator', o.oprname::pg_catalog.text, o.oid::pg_catalog.text,
       (l.lanname OPERATOR(pg_catalog.=) ANY ('{c,internal}'::pg_catalog.name[]) AND EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
    AND d.objid OPERATOR(pg_catalog.=) p.oid
     AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
    AND d.deptype OPERATOR(pg_catalog.=) 'e'))::pg_catalog.text, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_operator o
  JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) o.oprcode
    JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
  WHERE p.pronamespace OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace
UNION ALL SELECT 'type', t.typname::pg_catalog.text, t.oid::pg_catalog.text, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_type t JOIN n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
  WHERE t.typrelid OPERATOR(pg_catalog.=) 0 AND n.nspname OPERATOR(pg_catalog.<>) 'hippocrypt' AND EXISTS (SELECT FROM code)
UNION ALL SELECT 'runs', kind, oid::pg_catalog.text, writes::pg_catalog.text, its_kind, its_oid::pg_catalog.text, NULL, NULL
  FROM runs WHERE EXISTS (SELECT FROM code)
UNION ALL SELECT DISTINCT 'collation', c.collname::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_collation c WHERE NOT c.collisdeterministic
UNION ALL SELECT 'temporary', c.relname::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL
  FROM pg_catalog.pg_class c
  WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
    AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f,S,c}'::pg_catalog.\"char\"[])
UNION ALL SELECT 'system', c.relnamespace::pg_catalog.regnamespace::pg_catalog.text, c.relname::pg_catalog.text,
       a.attnum::pg_catalog.text, a.attname::pg_catalog.text, NULL, NULL, NULL
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
  WHERE c.relnamespace OPERATOR(pg_catalog.=) ANY ('{pg_catalog,information_schema}'::pg_catalog.regnamespace[])
    AND c.relname OPERATOR(pg_catalog.=) ANY ('{pg_attribute,pg_class,pg_constraint,pg_index,pg_type,pg_namespace,\
pg_depend,pg_stats,pg_statistic,pg_proc,pg_trigger,columns,column_udt_usage,\
check_constraints,table_constraints,constraint_column_usage,column_domain_usage,domain_constraints,domain_udt_usage,\
domains,data_type_privileges,usage_privileges,role_usage_grants,udt_privileges,role_udt_grants,\
schemata,triggers}'::pg_catalog.name[])
    AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped";
