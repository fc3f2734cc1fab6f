//! Which members each type of record has, in order: the tables of docs/formats/audit-log.md.

/// What a member's value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string.
    Text,
    /// An integer.
    Number,
    /// Milliseconds with three decimals.
    Millis,
    /// A list of strings.
    Texts,
    /// A list of objects.
    Objects(&'static [Member]),
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub shape: Shape,
    /// Whether it may be left out.
    pub need: Need,
}

/// Whether a member may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Never left out.
    Always,
    /// Left out when it has nothing to say.
    Maybe,
}

const fn text(name: &'static str) -> Member {
    member(name, Shape::Text, Need::Always)
}
const fn maybe(name: &'static str) -> Member {
    member(name, Shape::Text, Need::Maybe)
}
const fn number(name: &'static str) -> Member {
    member(name, Shape::Number, Need::Always)
}
const fn member(name: &'static str, shape: Shape, need: Need) -> Member {
    Member { name, shape, need }
}

const PID: Member = member("backend_pid", Shape::Number, Need::Maybe);
const MS: Member = member("ms", Shape::Millis, Need::Always);

/// Before the type's own.
pub const HEAD: &[Member] = &[
    number("v"),
    number("seq"),
    text("ts"),
    text("type"),
    text("node"),
];
/// After them.
pub const TAIL: &[Member] = &[text("prev"), text("hash")];

const COLUMN: &[Member] = &[text("column"), text("use"), text("shown")];
const OPENED: &[Member] = &[text("column"), number("cells")];

const STATEMENT: &[Member] = &[
    text("session"),
    number("stmt"),
    PID,
    text("user"),
    maybe("end_user"),
    maybe("end_user_source"),
    text("client"),
    text("app"),
    text("db"),
    text("kind"),
    maybe("sql"),
    member("sql_bytes", Shape::Number, Need::Maybe),
    maybe("sql_hash"),
    maybe("fingerprint"),
    member("tables", Shape::Texts, Need::Maybe),
    member("columns", Shape::Objects(COLUMN), Need::Maybe),
    text("decision"),
    maybe("rule"),
    maybe("policy"),
    maybe("reason"),
    maybe("reason_source"),
    maybe("sqlstate"),
];

const SUBJECTS: &[Member] = &[
    text("session"),
    number("stmt"),
    member("subjects", Shape::Texts, Need::Always),
];

const OUTCOME: &[Member] = &[
    text("session"),
    number("stmt"),
    number("rows"),
    number("bytes"),
    MS,
    maybe("sqlstate"),
    member("opened", Shape::Objects(OPENED), Need::Maybe),
    member("subjects", Shape::Texts, Need::Maybe),
    maybe("subjects_state"),
];

const SESSION_START: &[Member] = &[
    text("session"),
    PID,
    text("user"),
    text("client"),
    text("app"),
    text("db"),
    text("auth"),
    maybe("tls"),
];

const SESSION_END: &[Member] = &[
    text("session"),
    PID,
    text("user"),
    text("client"),
    text("app"),
    text("db"),
    text("reason"),
    number("statements"),
    MS,
];

const AUTH_FAILURE: &[Member] = &[
    text("session"),
    PID,
    text("user"),
    text("client"),
    text("app"),
    text("db"),
    text("reason"),
    text("sqlstate"),
];

const START: &[Member] = &[text("version"), text("listen"), text("policy")];
const STOP: &[Member] = &[text("reason")];

const POLICY: &[Member] = &[
    text("action"),
    text("target"),
    text("actor"),
    text("policy"),
    maybe("detail"),
];

const ACT: &[Member] = &[
    text("action"),
    text("target"),
    text("actor"),
    maybe("detail"),
];

const RECOVERY: &[Member] = &[number("cut_bytes"), maybe("cut_sha256"), maybe("kept")];

const COMPRESSED: &[Member] = &[number("segment"), number("bytes"), text("sha256")];

const RETENTION: &[Member] = &[number("first_kept"), number("segments"), text("until")];

/// The members of this type between [`HEAD`] and [`TAIL`]; `None`: there is no such type.
pub fn of(kind: &str) -> Option<&'static [Member]> {
    Some(match kind {
        "start" => START,
        "stop" => STOP,
        "session_start" => SESSION_START,
        "session_end" => SESSION_END,
        "auth_failure" => AUTH_FAILURE,
        "prepare" | "statement" => STATEMENT,
        "subjects" => SUBJECTS,
        "outcome" => OUTCOME,
        "policy" => POLICY,
        "keys" | "admin" => ACT,
        "heartbeat" => &[],
        "compressed" => COMPRESSED,
        "retention" => RETENTION,
        "recovery" => RECOVERY,
        _ => return None,
    })
}
