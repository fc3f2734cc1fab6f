//! FROM items: tables, subqueries, functions; joins have their own file.
//!
//! A relation that could be tainted never becomes an entry of unknown columns.

use super::Planner;
use super::flow::{Cast, Flow, What};
use super::literal::is_leaf;
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::scope::{Entry, EntryColumn, Level, Outputs, Value, qualified, quoted};
use super::whose::tell_apart;
use crate::catalog::RelationKind;
use crate::verdict::Refusal;
use crate::world::{Lookup, ProtectedTable, View};
use hippocrypt_policy::TableRef;
use pg_query::NodeEnum;
use pg_query::protobuf::{Alias, Node, RangeFunction, RangeSubselect, RangeTableFunc, RangeVar};
use std::sync::Arc;

/// Functions of pg_catalog that give one column, which then has the alias's or the function's name.
const ONE_COLUMN: [&str; 8] = [
    "generate_series",
    "generate_subscripts",
    "unnest",
    "regexp_split_to_table",
    "string_to_table",
    "jsonb_array_elements_text",
    "json_array_elements_text",
    "jsonb_object_keys",
];

/// What the name of a relation means.
enum Known<'w> {
    Unprotected,
    Table(ProtectedTable),
    View(&'w View),
}

impl<'a> Planner<'a> {
    /// The entries of a FROM list.
    pub(super) fn sources(&mut self, items: &[Node]) -> Judged<Vec<Entry>> {
        let mut entries = Vec::new();
        for item in items {
            let more = self.source_item(item, &entries)?;
            entries.extend(more);
        }
        Ok(entries)
    }

    /// The entries of one FROM item; `before` is what LATERAL sees.
    pub(super) fn source_item(&mut self, item: &Node, before: &[Entry]) -> Judged<Vec<Entry>> {
        match item.node.as_ref() {
            Some(NodeEnum::RangeVar(relation)) => Ok(vec![self.relation(relation)?]),
            Some(NodeEnum::RangeSubselect(query)) => Ok(vec![self.subselect(query, before)?]),
            Some(NodeEnum::RangeFunction(function)) => Ok(vec![self.function(function, before)?]),
            Some(NodeEnum::RangeTableFunc(table)) => Ok(vec![self.table_func(table, before)?]),
            Some(NodeEnum::JoinExpr(join)) => self.join(join, before),
            Some(NodeEnum::RangeTableSample(sample)) => {
                let relation = sample
                    .relation
                    .as_deref()
                    .ok_or_else(|| malformed("TABLESAMPLE"))?;
                let entries = self.source_item(relation, before)?;
                self.clear_all(&sample.args, "TABLESAMPLE", sample.location)?;
                self.only_clear(sample.repeatable.as_deref(), "REPEATABLE", sample.location)?;
                Ok(entries)
            }
            Some(NodeEnum::JsonTable(table)) => Err(unsupported("JSON_TABLE", table.location)),
            _ => Err(malformed("FROM")),
        }
    }

    /// A table, view or CTE.
    fn relation(&mut self, relation: &RangeVar) -> Judged<Entry> {
        self.last_relation = usize::try_from(relation.location).ok();
        let alias = relation.alias.as_ref();
        if relation.schemaname.is_empty()
            && let Some(outputs) = self.cte(&relation.relname, relation.location)?
        {
            let name = alias.map_or(relation.relname.as_str(), |a| a.aliasname.as_str());
            let outputs = self.read_again(outputs);
            return Ok(derived(Some(name), &outputs, alias));
        }
        let (_, entry) = self.known_relation(relation)?;
        Ok(entry)
    }

    /// The target of INSERT, UPDATE and DELETE: a table, or the one behind a view.
    pub(super) fn target_relation(
        &mut self,
        relation: &RangeVar,
    ) -> Judged<(Option<ProtectedTable>, Entry)> {
        let (known, entry) = self.known_relation(relation)?;
        let table = match known {
            Known::Unprotected => None,
            Known::Table(table) => Some(table),
            Known::View(view) => Some(self.behind(view, relation.location)?),
        };
        Ok((table, entry))
    }

    /// What a view's writes go to (rewriteHandler.c, rewriteTargetView).
    fn behind(&self, view: &View, at: i32) -> Judged<ProtectedTable> {
        let name = &view.name.table;
        if view.kind == RelationKind::MaterializedView {
            let message = format!("cannot change materialized view \"{name}\"");
            return Err(refusal("42809", message, at));
        }
        let Some(target) = view.target.as_deref() else {
            return Err(with_hint(
                refusal("55000", format!("cannot change view \"{name}\""), at),
                "Views over one table, without grouping or calculated rows, can be changed.",
            ));
        };
        Ok(target.clone())
    }

    /// A relation by its name alone.
    fn known_relation(&mut self, relation: &RangeVar) -> Judged<(Known<'a>, Entry)> {
        let schema = Some(relation.schemaname.as_str()).filter(|s| !s.is_empty());
        let (name, at) = (relation.relname.as_str(), relation.location);
        let names = self.input.cx.names;
        let (known, mut entry) = match self.world().lookup(schema, name, names) {
            Lookup::Unprotected => (Known::Unprotected, self.unprotected(schema, name)),
            Lookup::Protected(table) => {
                self.in_schema(&table.name, relation)?;
                let mut entry = protected(table);
                self.sight(table, &mut entry);
                (Known::Table(table.clone()), entry)
            }
            Lookup::View(view) => {
                self.in_schema(&view.name, relation)?;
                self.inside(view, at)?;
                let mut entry = viewed(view);
                self.sight_view(view, &mut entry);
                (Known::View(view), entry)
            }
            lookup => return Err(self.unusable(lookup, schema, name, at)),
        };
        if let Some(alias) = &relation.alias {
            entry.name = Some(Arc::from(alias.aliasname.as_str()));
            entry.table = None;
            rename(&mut entry, Some(alias));
        }
        Ok((known, entry))
    }

    /// Writes the schema out, so that the server finds the relation that was judged.
    fn in_schema(&mut self, table: &TableRef, relation: &RangeVar) -> Judged<()> {
        self.tables.insert(table.clone());
        if relation.schemaname.is_empty() {
            let start = usize::try_from(relation.location).map_err(|_| malformed("table name"))?;
            let schema = format!("{}.", quoted(&table.schema));
            self.edits.text(start..start, &schema);
        }
        Ok(())
    }

    fn unusable(
        &mut self,
        lookup: Lookup<'_>,
        schema: Option<&str>,
        name: &str,
        at: i32,
    ) -> Box<Refusal> {
        match lookup {
            Lookup::Missing(_) => {
                let name = schema.map_or_else(|| name.to_owned(), |s| format!("{s}.{name}"));
                refusal("42P01", format!("relation \"{name}\" does not exist"), at)
            }
            Lookup::Closed {
                table,
                reason,
                hint,
            } => {
                self.tables.insert(table.clone());
                let mut refusal = refusal("0A000", format!("{table} cannot be used: {reason}"), at);
                refusal.hint = hint.map(|h| format!("{h}."));
                refusal
            }
            Lookup::Derived { table, from } => {
                self.tables.insert(table.clone());
                let message = format!("{table} shows rows of {from}, which has encrypted columns");
                with_hint(
                    refusal("0A000", message, at),
                    &format!("Use {from} itself."),
                )
            }
            Lookup::Ambiguous(reason) => {
                let message = format!("\"{name}\" could be a protected table: {reason}");
                with_hint(
                    refusal("0A000", message, at),
                    "Write the schema before the name.",
                )
            }
            Lookup::Unprotected | Lookup::Protected(_) | Lookup::View(_) => malformed("table name"),
        }
    }

    fn unprotected(&mut self, schema: Option<&str>, name: &str) -> Entry {
        let mut entry = Entry::new(Some(Arc::from(name)), Vec::new());
        entry.system_columns = true;
        match self.world().relation(schema, name, self.input.cx.names) {
            Some((table, relation)) => {
                let clear = |name: &Arc<str>| (Arc::clone(name), Value::Flow(Flow::Clear));
                let columns = relation.columns.iter().map(|a| clear(&a.name)).collect();
                entry = Entry::new(entry.name, columns);
                entry.system_columns = true;
                entry.table = Some(table.clone());
                self.tables.insert(table);
            }
            None => entry.open_ended = true,
        }
        entry
    }

    fn subselect(&mut self, subselect: &RangeSubselect, before: &[Entry]) -> Judged<Entry> {
        let Some(NodeEnum::SelectStmt(query)) =
            subselect.subquery.as_deref().and_then(|n| n.node.as_ref())
        else {
            return Err(malformed("subquery"));
        };
        let lateral = if subselect.lateral { before } else { &[] };
        self.levels.push(Level {
            entries: lateral.to_vec(),
        });
        let outputs = self.select(query)?;
        self.levels.pop();
        self.as_derived(&outputs);
        let alias = subselect.alias.as_ref();
        let name = alias.map(|a| a.aliasname.as_str());
        let mut entry = derived(name, &outputs, alias);
        entry.brought = self.bring_rows(query, &entry, alias);
        Ok(entry)
    }

    /// `unnest($1::text[], '{…}'::date[])`: each column holds the elements of a literal or parameter, which become
    /// cells where they meet some. `None` for what is not PostgreSQL's own, or has other arguments.
    fn unnest(&mut self, function: &RangeFunction) -> Judged<Option<Entry>> {
        let [
            Node {
                node: Some(NodeEnum::List(list)),
            },
        ] = function.functions.as_slice()
        else {
            return Ok(None);
        };
        let Some(Node {
            node: Some(NodeEnum::FuncCall(call)),
        }) = list.items.first()
        else {
            return Ok(None);
        };
        let names: Vec<_> = call.funcname.iter().filter_map(sval).collect();
        let own = match names.as_slice() {
            ["unnest"] => !self.world().catalog().functions.contains_key("unnest"),
            ["pg_catalog", "unnest"] => true,
            _ => false,
        };
        let plain = !function.ordinality && !function.is_rowsfrom && !call.func_variadic;
        if !own || !plain || !function.coldeflist.is_empty() || !call.args.iter().all(is_leaf) {
            return Ok(None);
        }
        let alias = function.alias.as_ref();
        // a single column is named by the alias (parse_relation.c, chooseScalarFunctionAlias)
        let table = alias.map_or("unnest", |a| a.aliasname.as_str());
        let column = if call.args.len() == 1 {
            table
        } else {
            "unnest"
        };
        let mut columns = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            let flow = self.infer(arg)?;
            let flow = self.elements(flow)?;
            columns.push((Arc::from(column), Value::Flow(flow)));
        }
        let mut entry = Entry::new(Some(Arc::from(table)), columns);
        // its columns are its arguments
        entry.fixed = true;
        rename(&mut entry, alias);
        entry.brought = self.bring_arrays(&entry, call.location, alias);
        Ok(Some(entry))
    }

    /// The elements of an array that is one leaf of a known type.
    pub(super) fn elements(&mut self, array: Flow) -> Judged<Flow> {
        if let Flow::Open(leaves) = &array
            && let [ix] = leaves.as_slice()
            && let Some(leaf) = self.leaves.get(ix.0)
        {
            let cast = match (&leaf.cast, &leaf.what) {
                (Cast::To(oid, modifiers), _) => Some((*oid, modifiers.clone())),
                (Cast::None, What::Param(client, _)) => {
                    self.declared_oid(*client).map(|oid| (oid, Vec::new()))
                }
                _ => None,
            };
            let array_of = cast.filter(|(oid, _)| hippocrypt_policy::element_of(*oid).is_some());
            if let (Some((oid, modifiers)), Some(leaf)) = (array_of, self.leaves.get_mut(ix.0)) {
                leaf.cast = Cast::To(oid, modifiers);
                leaf.each = true;
                return Ok(array);
            }
        }
        self.clear(array, "unnest", -1)?;
        Ok(Flow::Clear)
    }

    /// A function's rows are clear, because its arguments are.
    fn function(&mut self, function: &RangeFunction, before: &[Entry]) -> Judged<Entry> {
        if let Some(entry) = self.unnest(function)? {
            return Ok(entry);
        }
        self.levels.push(Level {
            entries: before.to_vec(),
        });
        let mut only = None;
        for item in &function.functions {
            let Some(NodeEnum::List(list)) = &item.node else {
                return Err(malformed("function in FROM"));
            };
            let call = list
                .items
                .first()
                .ok_or_else(|| malformed("function in FROM"))?;
            self.only_clear(Some(call), "a function in FROM", -1)?;
            only = match &call.node {
                Some(NodeEnum::FuncCall(call)) if function.functions.len() == 1 => Some(call),
                _ => None,
            };
        }
        self.levels.pop();
        let alias = function.alias.as_ref();
        let called = only.and_then(|c| c.funcname.last()).and_then(sval);
        let name = alias.map(|a| a.aliasname.as_str()).or(called);
        let one_column = called.is_some_and(|c| ONE_COLUMN.contains(&c))
            && only.is_some_and(|c| c.args.len() == 1 || called != Some("unnest"));
        let mut columns = Vec::new();
        if one_column {
            columns.extend(name.map(|n| (Arc::from(n), Value::Flow(Flow::Clear))));
        }
        if one_column && function.ordinality {
            columns.push((Arc::from("ordinality"), Value::Flow(Flow::Clear)));
        }
        for definition in &function.coldeflist {
            if let Some(NodeEnum::ColumnDef(column)) = &definition.node {
                columns.push((Arc::from(column.colname.as_str()), Value::Flow(Flow::Clear)));
            }
        }
        let mut entry = Entry::new(name.map(Arc::from), columns);
        entry.open_ended = !one_column && function.coldeflist.is_empty();
        rename(&mut entry, alias);
        Ok(entry)
    }

    fn table_func(&mut self, table: &RangeTableFunc, before: &[Entry]) -> Judged<Entry> {
        self.levels.push(Level {
            entries: before.to_vec(),
        });
        self.only_clear(table.docexpr.as_deref(), "XMLTABLE", table.location)?;
        self.only_clear(table.rowexpr.as_deref(), "XMLTABLE", table.location)?;
        for namespace in &table.namespaces {
            if let Some(NodeEnum::ResTarget(target)) = &namespace.node {
                self.only_clear(target.val.as_deref(), "XMLTABLE", table.location)?;
            }
        }
        let mut columns = Vec::new();
        for column in &table.columns {
            let Some(NodeEnum::RangeTableFuncCol(column)) = &column.node else {
                return Err(malformed("XMLTABLE"));
            };
            self.only_clear(column.colexpr.as_deref(), "XMLTABLE", table.location)?;
            self.only_clear(column.coldefexpr.as_deref(), "XMLTABLE", table.location)?;
            columns.push((Arc::from(column.colname.as_str()), Value::Flow(Flow::Clear)));
        }
        self.levels.pop();
        let alias = table.alias.as_ref();
        let name = alias.map_or("xmltable", |a| a.aliasname.as_str());
        let mut entry = Entry::new(Some(Arc::from(name)), columns);
        rename(&mut entry, alias);
        Ok(entry)
    }
}

/// The entry of a protected table.
pub(super) fn protected(table: &ProtectedTable) -> Entry {
    let value = |c: &crate::world::TableColumn| match c.protected {
        Some(ix) => Value::Protected(ix),
        None => Value::Flow(Flow::Clear),
    };
    let columns = table
        .columns
        .iter()
        .map(|c| (Arc::clone(&c.name), value(c)));
    let mut entry = Entry::new(Some(Arc::clone(&table.name.table)), columns.collect());
    let TableRef { schema, table } = table.name.clone();
    entry.table = Some(TableRef { schema, table });
    entry.system_columns = true;
    entry
}

/// The entry of a view over protected tables.
fn viewed(view: &View) -> Entry {
    let columns = view.columns.iter().map(|c| {
        let value = match &c.cells {
            Some(of) => Value::Provenance(of.clone()),
            None => Value::Flow(Flow::Clear),
        };
        (Arc::clone(&c.name), value)
    });
    let mut entry = Entry::new(Some(Arc::clone(&view.name.table)), columns.collect());
    if let Some(target) = &view.target {
        let mut columns: Vec<EntryColumn> = entry.columns.as_ref().clone();
        for column in &mut columns {
            let behind = target.column(&column.name).filter(|c| !c.fixed);
            column.own = behind.and_then(|c| c.protected);
        }
        entry.columns = Arc::new(columns);
    }
    entry.table = Some(view.name.clone());
    entry.system_columns = view.kind == RelationKind::MaterializedView;
    entry
}

/// The entry of a subquery or CTE.
fn derived(name: Option<&str>, outputs: &Outputs, alias: Option<&Alias>) -> Entry {
    let columns = outputs
        .columns
        .iter()
        .map(|c| (Arc::clone(&c.name), Value::Flow(c.flow.clone())));
    let mut entry = Entry::new(name.map(Arc::from), columns.collect());
    tell_apart(&mut entry, outputs);
    entry.open_ended = outputs.open_ended;
    entry.fixed = !outputs.open_ended;
    rename(&mut entry, alias);
    entry
}

/// `AS t(a, b)` names the first columns; those of something whose columns are not known are new.
pub(super) fn rename(entry: &mut Entry, alias: Option<&Alias>) {
    let names = alias.map(|a| a.colnames.as_slice()).unwrap_or_default();
    let columns = Arc::make_mut(&mut entry.columns);
    for (ix, name) in names.iter().filter_map(sval).enumerate() {
        match columns.get_mut(ix) {
            Some(column) => column.name = Arc::from(name),
            None => columns.push(EntryColumn {
                name: Arc::from(name),
                value: Value::Flow(Flow::Clear),
                own: None,
                text: Arc::from(""),
                whose: None,
            }),
        }
    }
    for column in columns {
        column.text = Arc::from(qualified(entry.name.as_deref(), &column.name));
    }
}

fn sval(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(s)) => Some(&s.sval),
        _ => None,
    }
}
