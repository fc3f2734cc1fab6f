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
    static CLINIC: OnceLock<(fixture::Analysers, Names, hippocrypt_policy::Rights)> =
        OnceLock::new();
    let (analysers, names, rights) = CLINIC.get_or_init(|| {
        let names = Names {
            search_path: vec![Arc::from("public")],
            temporary: Vec::new(),
            standard_conforming_strings: true,
            ..Names::default()
        };
        (fixture::Analysers::new(), names, fixture::rights("app"))
    });
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    if let Normalised::Scanned { sql, .. } = normalise(text, true) {
        let tokens = scan(&sql, true).expect("what is logged scans");
        let constant = tokens.all().iter().find(|t| CONSTANTS.contains(&t.kind));
        assert_eq!(constant, None, "{sql}");
    }
    let cx = Context {
        names,
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
