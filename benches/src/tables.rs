//! The tables that scripts are about, and what fills them.

use crate::load::{self, ACCOUNTS, Data, PEOPLE};
use crate::sides::{DIRECT, OURS, Sides, Wire};
use anyhow::Result;
use std::fmt::Write as _;

/// What is protected.
pub const POLICY: &str = r#"
databases:
  bench:
    tables:
      public.people:
        columns:
          ssn:  { type: int8, protect: deterministic }
          name: { type: text, protect: random }
          note: { type: text, protect: random }
      public.visits:
        columns:
          ssn:    { type: int8, protect: deterministic, group: public.people.ssn }
          reason: { type: text, protect: random }
      public.bank_accounts:
        columns: { balance: { type: int4, protect: random }, filler: { type: text, protect: random } }
      public.bank_tellers:
        columns: { balance: { type: int4, protect: random }, filler: { type: text, protect: random } }
      public.bank_branches:
        columns: { balance: { type: int4, protect: random }, filler: { type: text, protect: random } }
      public.bank_history:
        columns: { delta: { type: int4, protect: random }, filler: { type: text, protect: random } }
default: clear
"#;

/// pgbench's own, and everything else twice: by the proxy with a policy, and directly without.
///
/// # Errors
/// A statement failed.
pub fn fill(sides: &Sides) -> Result<()> {
    load::init(sides.programs(), sides.on(DIRECT, Wire::Clear), 10)?;
    for (data, side) in [(Data::Clear, DIRECT), (Data::Protected, OURS)] {
        let side = sides.on(side, Wire::Clear);
        load::psql(sides.programs(), side, &clinic(data))?;
        load::psql(sides.programs(), side, &bank(data))?;
    }
    sides.admin("VACUUM ANALYZE")
}

/// People, each seen once.
fn clinic(data: Data) -> String {
    let (people, visits) = (data.table("people"), data.table("visits"));
    let mut sql = format!(
        "CREATE TABLE {people} (id int PRIMARY KEY, ssn int8, name text, note text);\nCREATE INDEX ON {people} (ssn);\n\
         CREATE TABLE {visits} (ssn int8, reason text);\nCREATE INDEX ON {visits} (ssn);\nCOPY {people} FROM STDIN;\n"
    );
    for id in 1..=PEOPLE {
        let ssn = 900_000_000 + id;
        let _ = writeln!(
            sql,
            "{id}\t{ssn}\tPerson {id:07}\tseen on the ward, nothing to add, number {id}"
        );
    }
    let _ = write!(sql, "\\.\nCOPY {visits} FROM STDIN;\n");
    for id in 1..=PEOPLE {
        let _ = writeln!(sql, "{}\tfirst seen", 900_000_000 + id);
    }
    sql + "\\.\n"
}

/// pgbench's tables with protected balances.
fn bank(data: Data) -> String {
    let tables = data.table("bank");
    let mut sql = format!(
        "CREATE TABLE {tables}_history (tid int, bid int, aid int, delta int, mtime timestamp, filler text);\n"
    );
    for (table, key, rows) in [
        ("accounts", "aid", ACCOUNTS),
        ("tellers", "tid", 100),
        ("branches", "bid", 10),
    ] {
        let _ = write!(
            sql,
            "CREATE TABLE {tables}_{table} ({key} int PRIMARY KEY, balance int, filler text);\n\
             COPY {tables}_{table} FROM STDIN;\n"
        );
        for row in 1..=rows {
            let _ = writeln!(sql, "{row}\t0\tof an account, as pgbench has {:40}.", "one");
        }
        sql += "\\.\n";
    }
    sql
}
