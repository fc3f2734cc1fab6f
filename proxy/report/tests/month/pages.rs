//! Every report in every form: whole, in words where there is nothing, and nothing in it that a reader's program runs.

use crate::generator::{intruder, pseudonym};
use crate::month;
use hippocrypt_audit::verify::Known;
use hippocrypt_report::{Ask, Name, Report, report, show};

fn made(name: Name, change: impl FnOnce(&mut Ask)) -> Report {
    let mut ask = Ask::new(name, "2026-11-01T08:00:00Z".parse().unwrap());
    ask.held_to = None;
    match name {
        Name::Patient => ask.filter.subjects = vec![pseudonym(1)],
        Name::User => ask.filter.user = Some("app".to_owned()),
        _ => {}
    }
    change(&mut ask);
    ask.check().unwrap();
    report(&month().log, &ask).unwrap()
}

#[test]
fn nothing_in_any_form_runs() {
    let app = intruder().app;
    for name in Name::ALL {
        // The intruder's statements, and with them its application's name.
        let report = made(name, |ask| {
            if name != Name::Integrity && name != Name::Patient {
                ask.filter.client = Some("203.0.113.9".to_owned());
            }
        });
        let page = show::html::write(&report);
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        for foreign in ["<script", "http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign} in {}", name.as_str());
        }
        let csv = show::csv(&report, None);
        for line in csv.lines() {
            assert!(
                !line.starts_with(['=', '+', '-', '@', '\t'])
                    && !line.contains(",=")
                    && !line.contains(",\"="),
                "{line}"
            );
        }
        let text = show::text::write(&report, 160, str::to_owned);
        if matches!(name, Name::User | Name::Breach) {
            assert!(csv.contains(&format!("\"'{app}\"")), "{csv}");
            assert!(page.contains("&lt;script&gt;"));
            assert!(text.contains("=cmd"), "{text}");
        }
        assert!(text.lines().all(|l| l.chars().count() <= 160), "{text}");
    }
}

#[test]
fn a_report_is_headed_by_what_was_asked_and_what_was_verified() {
    let report = made(Name::Breach, |ask| {
        ask.filter.user = Some("billing".to_owned());
        ask.asked = vec![("user".to_owned(), "billing".to_owned())];
        ask.filter.since = Some("2026-10-10T00:00:00Z".parse().unwrap());
        ask.held_to = Some(Known::default());
    });
    let page = show::html::write(&report);
    let text = show::text::write(&report, 120, str::to_owned);
    for form in [&page, &text] {
        for part in [
            "user billing",
            "2026-10-10 00:00:00 to its end",
            "the log is whole",
            "hippocrypt-audit/",
        ] {
            assert!(form.contains(part), "{part:?} in {form}");
        }
    }
    assert!(page.contains("<svg ") && page.contains("@page{size:A4"));
}

#[test]
fn a_log_that_was_changed_is_no_evidence_and_says_so() {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&month().log).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let segment = copy.path().join("00000000000000000000.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(
        &segment,
        text.replacen("\"user\":\"dr_old\"", "\"user\":\"dr_new\"", 1),
    )
    .unwrap();
    let ask = Ask::new(Name::Accounts, "2026-11-01T08:00:00Z".parse().unwrap());
    let report = report(copy.path(), &ask).unwrap();
    assert!(report.evidence.is_broken());
    let text = show::text::write(&report, 120, str::to_owned);
    assert!(
        text.contains("THE LOG IS NOT WHOLE") && text.contains("nothing below is evidence"),
        "{text}"
    );
    assert!(show::html::write(&report).contains("class=\"broken\""));
    assert_eq!(show::json(&report)["evidence"]["whole"], false);
}

#[test]
fn an_empty_answer_is_said_in_words() {
    for name in Name::ALL.into_iter().filter(|n| *n != Name::Integrity) {
        let report = made(name, |ask| {
            ask.filter.until = Some("2020-01-01T00:00:00Z".parse().unwrap());
            ask.filter.since = Some("2019-01-01T00:00:00Z".parse().unwrap());
        });
        let text = show::text::write(&report, 120, str::to_owned);
        for table in &report.tables {
            assert!(
                table.rows.is_empty() && text.contains(table.empty),
                "{text}"
            );
        }
        assert!(show::html::write(&report).contains("class=\"empty\""));
    }
}

#[test]
fn one_table_alone_is_a_clean_csv() {
    let report = made(Name::Breach, |_| {});
    let csv = show::csv(&report, Some("columns"));
    assert!(
        csv.starts_with("column,use,shown,statements,cells,patients,first_utc,last_utc\r\n"),
        "{csv}"
    );
    let fields = csv.lines().map(|l| l.split(',').count());
    assert!(
        fields.clone().count() > 3 && fields.clone().all(|n| n == 8),
        "{csv}"
    );
}
