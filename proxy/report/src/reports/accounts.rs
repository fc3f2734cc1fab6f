//! Accounts that are dormant, that came back after a long silence, that are shared, and statements without a person.
//!
//! Silence is measured over the whole log, not the period alone: an account that was last used before it is dormant.

use crate::ask::Ask;
use crate::facts;
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Table, column};
use crate::words;
use hippocrypt_audit::query::{Entry, Filter};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

const DORMANT: &[Column] = &[
    column("user", "Database user"),
    column("first_utc", "First use (UTC)"),
    column("last_utc", "Last use (UTC)"),
    column("days", "Days since"),
    column("statements", "Statements ever"),
];

const WOKEN: &[Column] = &[
    column("user", "Database user"),
    column("last_utc", "Last use before (UTC)"),
    column("back_utc", "Used again (UTC)"),
    column("days", "Days of silence"),
    column("client", "From"),
    column("app", "Application"),
];

const ACCOUNTS: &[Column] = &[
    column("user", "Database user"),
    column("statements", "Statements"),
    column("unattributed", "Without a person"),
    column("protected", "of these on protected columns"),
    column("people", "People"),
    column("addresses", "Addresses"),
    column("applications", "Applications"),
    column("failed_logins", "Failed logins"),
];

#[derive(Default)]
struct Account {
    first: Option<String>,
    last: Option<String>,
    ever: u64,
    statements: u64,
    unattributed: u64,
    protected: u64,
    people: BTreeSet<String>,
    hosts: BTreeSet<String>,
    apps: BTreeSet<String>,
    failed: u64,
}

impl Account {
    /// In the period.
    fn add(&mut self, entry: &Entry) {
        let view = &entry.view;
        self.hosts.insert(facts::host(view));
        self.apps.extend(view.app.clone().filter(|a| !a.is_empty()));
        if view.kind != "statement" {
            return;
        }
        self.statements += 1;
        match &view.end_user {
            Some(person) => {
                self.people.insert(person.clone());
            }
            None => {
                self.unattributed += 1;
                self.protected += u64::from(!view.columns.is_empty());
            }
        }
    }
}

fn days_between(from: &str, to: &str) -> Option<SignedDuration> {
    let (from, to) = (
        from.parse::<Timestamp>().ok()?,
        to.parse::<Timestamp>().ok()?,
    );
    Some(to.duration_since(from))
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let from = ask.filter.since.map(words::stamp);
    let filter = Filter {
        since: None,
        ..ask.filter.clone()
    };
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    let mut woken = Table::new(
        "woken",
        "Back after a long silence",
        "No account came back after a long silence.",
        WOKEN,
    );
    let mut end = String::new();
    let read = read(dir, &filter, |entry| {
        let view = &entry.view;
        if view.ts > end {
            end.clone_from(&view.ts);
        }
        let Some(user) = view.user.clone() else {
            return;
        };
        let in_period = from.as_ref().is_none_or(|from| view.ts >= *from);
        let account = accounts.entry(user.clone()).or_default();
        if view.kind == "auth_failure" {
            account.failed += u64::from(in_period);
            return;
        }
        let silence = account
            .last
            .as_ref()
            .and_then(|last| days_between(last, &view.ts));
        if let (Some(last), Some(silence)) = (&account.last, silence)
            && in_period
            && silence >= ask.dormant
            && view.kind == "session_start"
        {
            let row = vec![
                user.into(),
                Cell::Time(last.clone()),
                Cell::Time(view.ts.clone()),
                days(silence),
                facts::host(view).into(),
                Cell::text(&view.app),
            ];
            woken.push(ask.limit, row);
        }
        account.first.get_or_insert_with(|| view.ts.clone());
        if account.last.as_ref().is_none_or(|last| *last < view.ts) {
            account.last = Some(view.ts.clone());
        }
        account.ever += u64::from(view.kind == "statement");
        if in_period {
            account.add(entry);
        }
    })?;
    // An open period ends with the log, not now: its proxy may have been stopped since.
    let end = ask.filter.until.map_or(end, |until| until.to_string());
    Ok((told(ask, accounts, woken, &end), read))
}

fn days(silence: SignedDuration) -> Cell {
    Cell::Count(u64::try_from(silence.as_hours() / 24).unwrap_or(0))
}

fn told(ask: &Ask, accounts: BTreeMap<String, Account>, woken: Table, end: &str) -> Found {
    let mut dormant = Table::new(
        "dormant",
        "Dormant",
        "No account that the log knows is dormant.",
        DORMANT,
    );
    let mut used = Table::new(
        "accounts",
        "Accounts in use, and who uses them",
        "No account was used.",
        ACCOUNTS,
    );
    used.note = "Several people under one account are told apart only where the application names them; several addresses without a named person are a shared account.".to_owned();
    let (mut unattributed, mut protected, mut statements) = (0, 0, 0);
    for (user, a) in accounts {
        let silence = a.last.as_ref().and_then(|last| days_between(last, end));
        if let (Some(first), Some(last), Some(silence)) = (&a.first, &a.last, silence)
            && silence >= ask.dormant
        {
            let row = vec![
                user.clone().into(),
                Cell::Time(first.clone()),
                Cell::Time(last.clone()),
                days(silence),
                a.ever.into(),
            ];
            dormant.push(usize::MAX, row);
        }
        statements += a.statements;
        unattributed += a.unattributed;
        protected += a.protected;
        if a.statements + a.failed > 0 {
            let row = vec![
                user.into(),
                a.statements.into(),
                a.unattributed.into(),
                a.protected.into(),
                a.people.len().into(),
                a.hosts.len().into(),
                Cell::List(a.apps.into_iter().collect()),
                a.failed.into(),
            ];
            used.push(usize::MAX, row);
        }
    }
    let long = words::long(ask.dormant.as_secs());
    let answer = vec![
        format!(
            "{} not used for {long} or longer at the period's end; {} back after such a silence.",
            words::count(dormant.total, "account"),
            words::count(woken.total, "account"),
        ),
        format!(
            "{} of {} named no person behind the database user, {} of them on protected columns.",
            words::count(unattributed, "statement"),
            words::grouped(statements),
            words::grouped(protected),
        ),
    ];
    let caution = "An account that was never used through the proxy is not in the log: compare with the database's own list of roles.".to_owned();
    Found {
        answer,
        cautions: vec![caution],
        tables: vec![dormant, woken, used],
        period: None,
    }
}
