//! Each report against the books.

use crate::generator::{End, Fact, OCTOBER, State, pseudonym};
use crate::month;
use hippocrypt_audit::query::Filter;
use hippocrypt_report::{Ask, Name, report, show};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The answer as JSON: what programs get, and what every other form is made of.
fn asked(name: Name, change: impl FnOnce(&mut Ask)) -> Value {
    let now = "2026-11-01T08:00:00Z".parse().unwrap();
    let mut ask = Ask {
        limit: usize::MAX,
        held_to: None,
        ..Ask::new(name, now)
    };
    change(&mut ask);
    let began = std::time::Instant::now();
    let made = report(&month().log, &ask).unwrap();
    eprintln!("{}: {:?}", name.as_str(), began.elapsed());
    assert_eq!(made.read.unreadable, 0);
    show::json(&made)
}

fn rows<'a>(report: &'a Value, table: &str) -> &'a Vec<Value> {
    let table = &report["tables"][table];
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(table["total"], rows.len(), "nothing is left out");
    rows
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn october() -> Timestamp {
    Timestamp::from_microsecond(i64::try_from(OCTOBER).unwrap()).unwrap()
}

fn facts() -> &'static [Fact] {
    &month().books.facts
}

fn person(fact: &Fact) -> String {
    match &fact.who.end_user {
        Some(end_user) => format!("{end_user} via {}", fact.who.user),
        None => fact.who.user.to_owned(),
    }
}

fn went(fact: &Fact) -> bool {
    !matches!(fact.end, End::Refused(_))
}

/// Rows came of it, or may have.
fn gave(fact: &Fact) -> bool {
    went(fact) && (fact.rows > 0 || fact.end == End::Lost)
}

fn has(fact: &Fact, shown: &str) -> bool {
    fact.shape.touches.iter().any(|t| t.2 == shown)
}

/// Of protected columns, and the log does not say whose all of it is.
fn is_open(fact: &Fact) -> bool {
    let touches = !fact.shape.touches.is_empty();
    went(fact)
        && (matches!(fact.state, State::More | State::Unknown)
            || (touches && fact.state == State::None && gave(fact)))
}

fn patients<'a>(facts: impl Iterator<Item = &'a Fact>) -> BTreeSet<u32> {
    facts.flat_map(|f| f.subjects.iter().copied()).collect()
}

#[test]
fn patient_access_history() {
    // One whom the intruder read, so that all kinds of access are there.
    let stolen = facts().iter().find(|f| f.who.host == "203.0.113.9");
    let patient = stolen.unwrap().subjects[0];
    let answer = asked(Name::Patient, |ask| {
        ask.filter.subjects = vec![pseudonym(patient)];
    });
    let mine = |f: &&Fact| f.subjects.contains(&patient);
    let accesses: Vec<&Fact> = facts().iter().filter(mine).collect();
    assert!(accesses.len() > 2, "{}", accesses.len());
    assert_eq!(rows(&answer, "accesses").len(), accesses.len());
    let mut people: BTreeMap<String, u64> = BTreeMap::new();
    for fact in &accesses {
        *people.entry(person(fact)).or_default() += 1;
    }
    let told: BTreeMap<String, u64> = rows(&answer, "recipients")
        .iter()
        .map(|r| {
            (
                text(&r["person"]).to_owned(),
                r["statements"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, people);
    let clear = rows(&answer, "accesses")
        .iter()
        .filter(|r| r["shown"] == "clear");
    let expected = accesses.iter().filter(|f| gave(f) && has(f, "clear"));
    assert_eq!(clear.count(), expected.count());
    let open = facts().iter().filter(|f| is_open(f) && !mine(f));
    assert_eq!(rows(&answer, "not_ruled_out").len(), open.count());
    assert!(text(&answer["cautions"][0]).contains("may have concerned this patient"));
}

/// Who saw or changed this patient between two days, in clear or masked, from where, with what reason: row by row, of the
/// patients with most to tell.
#[test]
fn patients_in_a_period_row_by_row() {
    let mut times: BTreeMap<u32, usize> = BTreeMap::new();
    for patient in facts().iter().flat_map(|f| &f.subjects) {
        *times.entry(*patient).or_default() += 1;
    }
    let mut most: Vec<(usize, u32)> = times.into_iter().map(|(p, n)| (n, p)).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    let day = |n: u64| OCTOBER + n * 24 * 3600 * 1_000_000;
    let at = |micros| Timestamp::from_microsecond(i64::try_from(micros).unwrap()).unwrap();
    let (from, to) = (day(7), day(24));
    let (mut shown, mut reasons) = (BTreeSet::new(), 0);
    for (_, patient) in most.into_iter().take(5) {
        let answer = asked(Name::Patient, |ask| {
            ask.filter.subjects = vec![pseudonym(patient)];
            (ask.filter.since, ask.filter.until) = (Some(at(from)), Some(at(to)));
        });
        let exposure = |f: &Fact| match gave(f) {
            false => "nothing protected",
            true if has(f, "clear") => "clear",
            true if has(f, "masked") => "masked",
            true if f.shape.touches.is_empty() => "nothing protected",
            true => "not shown",
        };
        let mine = facts().iter().filter(|f| f.subjects.contains(&patient));
        let mine = mine.filter(|f| (from..=to).contains(&f.time));
        let row = |f: &Fact| {
            let second = at(f.time).strftime("%Y-%m-%dT%H:%M:%S").to_string();
            let reason = f.reason.clone().unwrap_or_default();
            let words = [f.who.app, f.shape.kind, f.shape.table, exposure(f)];
            let words = words.map(str::to_owned);
            (second, person(f), f.who.host.clone(), words, reason, f.rows)
        };
        let mut expected: Vec<_> = mine.map(row).collect();
        let of = |r: &Value| {
            let word = |key: &str| text(&r[key]).to_owned();
            let table = text(&r["tables"][0]).to_owned();
            let words = [word("app"), word("kind"), table, word("shown")];
            let second = word("time_utc")[..19].to_owned();
            let rows = r["rows"].as_u64().unwrap_or_default();
            (
                second,
                word("person"),
                word("client"),
                words,
                word("reason"),
                rows,
            )
        };
        let mut told: Vec<_> = rows(&answer, "accesses").iter().map(of).collect();
        told.sort();
        expected.sort();
        assert!(!expected.is_empty());
        assert_eq!(told, expected);
        shown.extend(expected.iter().map(|e| e.3[3].clone()));
        reasons += expected.iter().filter(|e| !e.4.is_empty()).count();
    }
    assert!(
        shown.contains("clear") && shown.contains("masked") && reasons > 0,
        "{shown:?}"
    );
}

#[test]
fn nobody_saw_a_patient_that_the_log_does_not_know() {
    let answer = asked(Name::Patient, |ask| {
        ask.filter.subjects = vec!["patient:nobody".to_owned()];
    });
    assert_eq!(
        answer["answer"][0],
        "No access to this patient's records is on record in the period."
    );
    // That is no proof as long as there are statements of which it is not known.
    assert!(!answer["cautions"].as_array().unwrap().is_empty());
}

#[test]
fn a_log_without_subjects_says_that_nothing_follows() {
    let answer = asked(Name::Patient, |ask| {
        ask.filter.subjects = vec!["patient:nobody".to_owned()];
        ask.filter.table = Some("rooms".to_owned());
    });
    let caution = text(&answer["cautions"][0]);
    assert!(
        caution.contains("Nothing about patients follows"),
        "{caution}"
    );
}

#[test]
fn user_activity() {
    let answer = asked(Name::User, |ask| {
        ask.filter = Filter {
            user: Some("app".to_owned()),
            end_user: Some("dr.05".to_owned()),
            ..Filter::default()
        };
    });
    let mine: Vec<&Fact> = facts()
        .iter()
        .filter(|f| person(f) == "dr.05 via app")
        .collect();
    assert_eq!(rows(&answer, "statements").len(), mine.len());
    let rows_of = |kind: &str, table: &str| {
        let of = mine
            .iter()
            .filter(|f| f.shape.kind == kind && f.shape.table == table);
        (of.clone().count() as u64, of.map(|f| f.rows).sum::<u64>())
    };
    let told = rows(&answer, "tables");
    assert_eq!(told.len(), 5, "{told:?}");
    for row in told {
        let (kind, table) = (text(&row["kind"]), text(&row["table"]));
        let told = (
            row["statements"].as_u64().unwrap(),
            row["rows"].as_u64().unwrap(),
        );
        assert_eq!(told, rows_of(kind, table), "{kind} {table}");
        let of = mine
            .iter()
            .filter(|f| f.shape.kind == kind && f.shape.table == table);
        assert_eq!(
            row["patients"],
            patients(of.copied()).len(),
            "{kind} {table}"
        );
    }
    let column = rows(&answer, "columns")
        .iter()
        .find(|r| r["column"] == "public.visits.notes" && r["use"] == "read")
        .unwrap();
    let notes = mine
        .iter()
        .filter(|f| gave(f) && f.shape.table == "public.visits" && has(f, "clear"));
    assert_eq!(column["statements"], notes.clone().count());
    assert_eq!(column["cells"], notes.map(|f| f.rows).sum::<u64>());
}

#[test]
fn bulk_reads() {
    let answer = asked(Name::Bulk, |ask| ask.bulk = 1000);
    let much = |f: &&Fact| {
        went(f)
            && (f.rows >= 1000
                || f.subjects.len() >= 1000
                || f.state == State::More
                || (f.shape.kind == "COPY" && gave(f)))
    };
    let mine: Vec<&Fact> = facts().iter().filter(much).collect();
    assert!(mine.len() >= 7, "{}", mine.len());
    let told = rows(&answer, "statements");
    assert_eq!(told.len(), mine.len());
    let of = |r: &Value| r["rows"].as_u64().unwrap();
    assert!(told.is_sorted_by_key(|r| std::cmp::Reverse(of(r))));
    assert_eq!(
        told.iter().map(of).sum::<u64>(),
        mine.iter().map(|f| f.rows).sum::<u64>()
    );
    let people: BTreeSet<String> = mine.iter().map(|f| person(f)).collect();
    let named = rows(&answer, "people")
        .iter()
        .map(|r| text(&r["person"]).to_owned());
    assert_eq!(named.collect::<BTreeSet<_>>(), people);
}

#[test]
fn refused_and_failed() {
    let answer = asked(Name::Refused, |_| {});
    let mut expected: BTreeMap<(String, &str, &str), u64> = BTreeMap::new();
    for fact in facts() {
        let (what, state) = match fact.end {
            End::Refused(state) => ("statement refused", state),
            End::Failed(state) => ("statement failed", state),
            End::Done | End::Lost => continue,
        };
        *expected.entry((person(fact), what, state)).or_default() += 1;
    }
    let logins = month().books.failed_logins;
    expected.insert(("postgres".to_owned(), "login failed", "28P01"), logins);
    let told: BTreeMap<(String, &str, &str), u64> = rows(&answer, "people")
        .iter()
        .map(|r| {
            let person = text(&r["person"]).to_owned();
            (
                (person, text(&r["what"]), text(&r["sqlstate"])),
                r["times"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, expected);
    assert_eq!(
        rows(&answer, "events").len() as u64,
        expected.values().sum::<u64>()
    );
}

#[test]
fn dormant_and_unattributed() {
    let answer = asked(Name::Accounts, |ask| ask.filter.since = Some(october()));
    let dormant: Vec<&str> = rows(&answer, "dormant")
        .iter()
        .map(|r| text(&r["user"]))
        .collect();
    assert_eq!(dormant, ["dr_old"]);
    let woken = rows(&answer, "woken");
    assert_eq!(woken.len(), 1);
    assert_eq!(
        (&woken[0]["user"], &woken[0]["days"]),
        (&"dr_back".into(), &65.into())
    );
    let mut expected: BTreeMap<&str, (u64, u64, u64, BTreeSet<&String>)> = BTreeMap::new();
    for fact in facts().iter().filter(|f| f.time >= OCTOBER) {
        let of = expected.entry(fact.who.user).or_default();
        of.0 += 1;
        match &fact.who.end_user {
            Some(person) => {
                of.3.insert(person);
            }
            None => {
                of.1 += 1;
                of.2 += u64::from(!fact.shape.touches.is_empty());
            }
        }
    }
    let told = rows(&answer, "accounts");
    // postgres only failed to log in.
    assert_eq!(told.len(), expected.len() + 1);
    for row in told {
        let n = |key: &str| row[key].as_u64().unwrap();
        let told = (
            n("statements"),
            n("unattributed"),
            n("protected"),
            n("people"),
        );
        match expected.get(text(&row["user"])) {
            Some((all, none, protected, people)) => {
                assert_eq!(
                    told,
                    (*all, *none, *protected, people.len() as u64),
                    "{row}"
                );
            }
            None => assert_eq!(n("failed_logins"), month().books.failed_logins),
        }
    }
}

#[test]
fn break_glass() {
    let answer = asked(Name::BreakGlass, |_| {});
    let mine: Vec<&Fact> = facts()
        .iter()
        .filter(|f| f.who.rule == "break_glass")
        .collect();
    let uses = rows(&answer, "uses");
    assert_eq!(uses.len(), 2);
    assert_eq!(uses[0]["reasons"][0], "TRAUMA-1");
    assert_eq!(
        (&uses[0]["unreasoned"], &uses[1]["unreasoned"]),
        (&0.into(), &2.into())
    );
    assert_eq!(rows(&answer, "statements").len(), mine.len());
    let of_first = patients(mine.iter().copied().filter(|f| f.reason.is_some()));
    assert_eq!(uses[0]["patients"], of_first.len());
    let told = text(&answer["answer"][0]);
    let all = patients(mine.iter().copied()).len();
    assert!(
        told.contains(&format!(
            "6 statements on {all} patients; 2 statements without"
        )),
        "{told}"
    );
    // Asked by name, a rule need not sound like it.
    let billing = asked(Name::BreakGlass, |ask| {
        ask.filter.rule = Some("billing".to_owned())
    });
    let expected = facts().iter().filter(|f| f.who.rule == "billing").count();
    assert_eq!(rows(&billing, "statements").len(), expected);
}

#[test]
fn out_of_pattern() {
    let since = "2026-10-26T00:00:00Z".parse().unwrap();
    let answer = asked(Name::Pattern, |ask| ask.filter.since = Some(since));
    let told: Vec<(&str, &str)> = rows(&answer, "findings")
        .iter()
        .map(|r| (text(&r["person"]), text(&r["what"])))
        .collect();
    let expected = [
        ("dr.03 via app", "hour"),
        ("dr.05 via app", "table"),
        ("dr.08 via app", "place"),
        ("dr.09 via app", "volume"),
    ];
    // A day's volume is of rows and of patients: a large one may be both.
    let told: BTreeSet<_> = told.into_iter().collect();
    assert_eq!(told, BTreeSet::from(expected));
    let new: Vec<&str> = rows(&answer, "without_history")
        .iter()
        .map(|r| text(&r["person"]))
        .collect();
    // export works on one day of seven.
    assert_eq!(new, ["dr.99 via app", "export"]);
}

#[test]
fn changes_to_policy_keys_and_logging() {
    let answer = asked(Name::Changes, |_| {});
    let hashes: Vec<(&str, &str)> = rows(&answer, "policies")
        .iter()
        .map(|r| (text(&r["policy"]), text(&r["by"])))
        .collect();
    let expected = [
        ("1111111111111111", "start"),
        ("2222222222222222", "SIGHUP"),
        // The start after the crash, in this month's proxy with the old one.
        ("1111111111111111", "start"),
    ];
    assert_eq!(hashes, expected);
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows(&answer, "events") {
        *kinds.entry(text(&row["action"])).or_default() += 1;
    }
    let expected = [
        ("recovery after a crash", 1),
        ("refuse", 1),
        ("reload", 1),
        ("start", 3),
        ("stop", 2),
        ("sync", 1),
    ];
    assert_eq!(kinds, BTreeMap::from(expected));
    let statements = rows(&answer, "statements");
    assert_eq!(statements.len(), 1);
    assert_eq!(
        (&statements[0]["kind"], &statements[0]["person"]),
        (&"GRANT".into(), &"dba".into())
    );
}

#[test]
fn breach_scope() {
    let answer = asked(Name::Breach, |ask| {
        ask.filter.client = Some("203.0.113.9".to_owned());
        ask.filter.since = Some(october());
    });
    let mine: Vec<&Fact> = facts()
        .iter()
        .filter(|f| f.who.host == "203.0.113.9")
        .collect();
    let clear = patients(mine.iter().copied().filter(|f| gave(f) && has(f, "clear")));
    let all = patients(mine.iter().copied());
    let masked: BTreeSet<u32> = all.difference(&clear).copied().collect();
    assert!(
        clear.len() > 100 && !masked.is_empty(),
        "{} {}",
        clear.len(),
        masked.len()
    );
    let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows(&answer, "patients") {
        told.entry(text(&row["obtainable"]))
            .or_default()
            .insert(text(&row["patient"]));
    }
    for (form, expected) in [("clear", clear), ("masked", masked)] {
        let expected: BTreeSet<String> = expected.into_iter().map(pseudonym).collect();
        let told: BTreeSet<String> = told[form].iter().map(|s| (*s).to_owned()).collect();
        assert_eq!(told, expected, "{form}");
    }
    assert_eq!(told.len(), 2);
    let open = mine.iter().filter(|f| is_open(f)).count();
    assert_eq!(rows(&answer, "patients_not_known").len(), open);
    assert_eq!(open, 2, "the one with more, the one that was cut off");
    assert!(text(&answer["answer"][0]).starts_with("At least "));
}

#[test]
fn a_breach_of_masked_values_says_so() {
    let answer = asked(Name::Breach, |ask| {
        ask.filter.user = Some("billing".to_owned())
    });
    assert!(
        text(&answer["answer"][1]).starts_with("Protected values could be obtained masked only"),
        "{answer}"
    );
}

#[test]
fn integrity() {
    let answer = asked(Name::Integrity, |ask| {
        ask.held_to = Some(hippocrypt_audit::verify::Known::default());
    });
    let books = &month().books;
    assert_eq!(answer["evidence"]["whole"], true, "{}", answer["evidence"]);
    assert_eq!(answer["evidence"]["records"], books.records);
    assert_eq!(answer["evidence"]["signed"], books.records);
    let lost = facts().iter().filter(|f| f.end == End::Lost).count();
    assert_eq!(rows(&answer, "without_outcome").len(), lost);
    let (explained, not) = books.silences;
    let silences = rows(&answer, "silences");
    assert_eq!(silences.len() as u64, explained + not, "{silences:#?}");
    let unexplained = silences
        .iter()
        .filter(|r| text(&r["meaning"]).starts_with("not explained"));
    assert_eq!(unexplained.count() as u64, not);
    let counts = rows(&answer, "records");
    let statements = counts.iter().find(|r| r["what"] == "statement").unwrap();
    assert_eq!(statements["records"], facts().len());
}
