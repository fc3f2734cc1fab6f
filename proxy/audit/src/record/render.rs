//! A record as the JSON members after `node`: `,"name":value…`, in the order of docs/formats/audit-log.md.

use super::{Body, Decision, Opened, Outcome, Record, Recovery, Statement, SubjectsState};
use crate::json::{bare_member, cut, digits, key, list, member, number, padded, string};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of `opened` beyond which columns are summed up as `*`: an outcome must fit its reserved space.
const OPENED_MAX: usize = 2048;
/// Bytes kept of a person's name.
const NAME_MAX: usize = 256;
/// Bytes kept of the reason a user gives.
const REASON_MAX: usize = 1024;
/// Bytes kept of our own words in a session's end and in a stop, which must fit their reserved space.
const WORDS_MAX: usize = 64;

/// The record's type, as the `type` field says it.
pub fn type_of(body: &Body) -> &'static str {
    match body {
        Body::Start { .. } => "start",
        Body::Stop { .. } => "stop",
        Body::SessionStart { .. } => "session_start",
        Body::SessionEnd { .. } => "session_end",
        Body::AuthFailure { .. } => "auth_failure",
        Body::Prepare(_) => "prepare",
        Body::Statement(_) => "statement",
        Body::Subjects(_) => "subjects",
        Body::Outcome(_) => "outcome",
        Body::Policy { .. } => "policy",
        Body::Keys { .. } => "keys",
        Body::Admin { .. } => "admin",
        Body::Heartbeat => "heartbeat",
        Body::Compressed { .. } => "compressed",
        Body::Retention { .. } => "retention",
        Body::Recovery(_) => "recovery",
    }
}

/// Appends `,"type":"…","node":"…"` and the type's own members.
pub fn render(record: &Record, node: &str, out: &mut Vec<u8>) {
    member(out, "type", type_of(&record.body));
    member(out, "node", node);
    match &record.body {
        Body::Start {
            version,
            listen,
            policy,
        } => {
            member(out, "version", version);
            member(out, "listen", listen);
            member(out, "policy", policy);
        }
        Body::Stop { reason } => member(out, "reason", cut(reason, WORDS_MAX)),
        Body::SessionStart { session, auth, tls } => {
            whole_session(out, session);
            member(out, "auth", auth);
            optional(out, "tls", tls.as_deref());
        }
        Body::SessionEnd {
            session,
            reason,
            statements,
            duration,
        } => {
            whole_session(out, session);
            member(out, "reason", cut(reason, WORDS_MAX));
            number(out, "statements", *statements);
            millis(out, *duration);
        }
        Body::AuthFailure {
            session,
            sqlstate,
            reason,
        } => {
            whole_session(out, session);
            member(out, "reason", reason);
            member(out, "sqlstate", sqlstate.as_str());
        }
        Body::Prepare(s) | Body::Statement(s) => statement(out, s),
        Body::Subjects(s) => {
            out.extend_from_slice(s.session.head());
            number(out, "stmt", s.stmt);
            subjects(out, &s.subjects);
        }
        Body::Outcome(o) => outcome(out, o),
        Body::Policy {
            action,
            policy,
            source,
            actor,
            detail,
        } => {
            member(out, "action", action);
            member(out, "target", source);
            member(out, "actor", actor);
            member(out, "policy", policy);
            optional(out, "detail", detail.as_deref());
        }
        Body::Keys {
            action,
            target,
            actor,
            detail,
        }
        | Body::Admin {
            action,
            target,
            actor,
            detail,
        } => {
            member(out, "action", action);
            member(out, "target", target);
            member(out, "actor", actor);
            optional(out, "detail", detail.as_deref());
        }
        Body::Heartbeat => {}
        Body::Compressed {
            segment,
            bytes,
            sha256,
        } => {
            number(out, "segment", *segment);
            number(out, "bytes", *bytes);
            member(out, "sha256", sha256);
        }
        Body::Retention {
            first_kept,
            segments,
            until,
        } => {
            number(out, "first_kept", *first_kept);
            number(out, "segments", *segments);
            member(out, "until", until);
        }
        Body::Recovery(r) => recovery(out, r),
    }
}

fn whole_session(out: &mut Vec<u8>, session: &super::SessionInfo) {
    out.extend_from_slice(session.head());
    out.extend_from_slice(session.who());
    out.extend_from_slice(session.whence());
}

fn statement(out: &mut Vec<u8>, s: &Statement) {
    out.extend_from_slice(s.session.head());
    number(out, "stmt", s.stmt);
    out.extend_from_slice(s.session.who());
    if let Some(end_user) = &s.end_user {
        member(out, "end_user", cut(&end_user.text, NAME_MAX));
        member(out, "end_user_source", end_user.source.as_str());
    }
    out.extend_from_slice(s.session.whence());
    out.extend_from_slice(s.described.json());
    match s.decision {
        Decision::Forwarded => member(out, "decision", "forwarded"),
        Decision::Refused(_) => member(out, "decision", "refused"),
    }
    optional(out, "rule", s.rule.as_deref());
    optional(out, "policy", s.policy.as_deref());
    if let Some(reason) = &s.reason {
        member(out, "reason", cut(&reason.text, REASON_MAX));
        member(out, "reason_source", reason.source.as_str());
    }
    if let Decision::Refused(sqlstate) = s.decision {
        member(out, "sqlstate", sqlstate.as_str());
    }
}

fn outcome(out: &mut Vec<u8>, o: &Outcome) {
    out.extend_from_slice(o.session.head());
    number(out, "stmt", o.stmt);
    number(out, "rows", o.rows);
    number(out, "bytes", o.bytes);
    millis(out, o.duration);
    if let Some(sqlstate) = o.sqlstate {
        member(out, "sqlstate", sqlstate.as_str());
    }
    if !o.opened.is_empty() {
        opened(out, &o.opened);
    }
    let mut room = Outcome::SUBJECTS_MAX;
    let fits = o.subjects.iter().take_while(|s| {
        let left = room.checked_sub(s.len() + 3);
        room = left.unwrap_or(0);
        left.is_some()
    });
    let fits = fits.count();
    if let Some(whose) = o.subjects.get(..fits).filter(|s| !s.is_empty()) {
        subjects(out, whose);
    }
    // Whoever gives more than fits has not read the type's page; the log says so rather than be silent.
    let state = match o.subjects_state {
        Some(SubjectsState::All) if fits < o.subjects.len() => Some(SubjectsState::More),
        state => state,
    };
    optional(out, "subjects_state", state.map(SubjectsState::as_str));
}

fn subjects(out: &mut Vec<u8>, subjects: &[Arc<str>]) {
    list(out, "subjects", subjects, |out, subject| {
        string(out, subject)
    });
}

fn opened(out: &mut Vec<u8>, columns: &[Opened]) {
    out.extend_from_slice(b",\"opened\":[");
    let start = out.len();
    for (i, c) in columns.iter().enumerate() {
        let before = out.len();
        opened_column(out, start, &c.column, c.cells);
        if out.len() - start > OPENED_MAX {
            out.truncate(before);
            let rest = columns.iter().skip(i);
            let rest = rest.fold(0_u64, |n, c| n.saturating_add(c.cells));
            opened_column(out, start, "*", rest);
            break;
        }
    }
    out.push(b']');
}

fn opened_column(out: &mut Vec<u8>, start: usize, column: &str, cells: u64) {
    if out.len() > start {
        out.push(b',');
    }
    out.push(b'{');
    bare_member(out, "column", column);
    number(out, "cells", cells);
    out.push(b'}');
}

fn recovery(out: &mut Vec<u8>, r: &Recovery) {
    number(out, "cut_bytes", r.cut_bytes);
    optional(out, "cut_sha256", r.cut_sha256.as_deref());
    optional(out, "kept", r.kept.as_deref());
}

fn optional(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        member(out, name, value);
    }
}

/// `,"ms":12.345`: milliseconds, always three decimals.
fn millis(out: &mut Vec<u8>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    out.push(b',');
    key(out, "ms");
    digits(out, micros / 1000);
    out.push(b'.');
    padded::<3>(out, micros);
}
