//! Statements: from text to verdict over the corpus's clinic.
//!
//! No text may make it panic; edits stay in order within their statement; what is logged has no constant of the text.

use hippocrypt_sql::catalog::Names;
use hippocrypt_sql::scan::{Kind, scan};
use hippocrypt_sql::{Context, Normalised, Statement, Verdict, normalise};
use std::sync::{Arc, OnceLock};

#[allow(dead_code)] // the corpus's own test uses the rest
#[path = "../../../proxy/sql/tests/corpus/fixture.rs"]
mod fixture;

const CONSTANTS: [Kind; 6] = [
    Kind::Sconst,
    Kind::Usconst,
    Kind::Bconst,
    Kind::Xconst,
    Kind::Iconst,
    Kind::Fconst,
];

/// Rare: a plan that opens a result column and has no parameter.
pub(crate) fn judge(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    // a backslash is read by the session's setting
    if text.contains('\\') {
        judge_under(text, false);
    }
    judge_under(text, true)
}

fn judge_under(text: &str, standard_conforming_strings: bool) -> bool {
    static CLINIC: OnceLock<(fixture::Analysers, hippocrypt_policy::Rights)> = OnceLock::new();
    let (analysers, rights) =
        CLINIC.get_or_init(|| (fixture::Analysers::new(), fixture::rights("app")));
    let names = Names {
        search_path: vec![Arc::from("public")],
        standard_conforming_strings,
        ..Names::default()
    };
    if let Normalised::Scanned { sql, .. } = normalise(text, standard_conforming_strings) {
        let tokens = scan(&sql, standard_conforming_strings).expect("what is logged scans");
        let constant = tokens.all().iter().find(|t| CONSTANTS.contains(&t.kind));
        assert_eq!(constant, None, "{sql}");
    }
    let cx = Context {
        names: &names,
        rights,
        declared_params: &[],
        outside: true,
    };
    let Ok(statements) = analysers.named("clinic").analyse(text, &cx) else {
        return false;
    };
    statements.iter().for_each(|s| within(s, text));
    statements.iter().any(|s| match &s.verdict {
        Verdict::Plan(plan) => plan.outputs.is_some() && plan.client_params.is_empty(),
        Verdict::Untouched | Verdict::Refusal(_) => false,
    })
}

fn within(statement: &Statement, text: &str) {
    assert!(text.get(statement.range.clone()).is_some(), "{text}");
    let Verdict::Plan(plan) = &statement.verdict else {
        return;
    };
    let mut end = statement.range.start;
    for edit in &plan.edits {
        let ordered = edit.range.start >= end && edit.range.end >= edit.range.start;
        assert!(ordered && text.get(edit.range.clone()).is_some(), "{text}");
        end = edit.range.end;
    }
    assert!(end <= statement.range.end, "{text}");
}
