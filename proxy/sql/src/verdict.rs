//! What `sql` answers. Nothing here holds text of a protected value in a printable way.

use crate::catalog::StoredCell;
use hippocrypt_policy::{ColumnIx, ColumnRef, DeclaredType, GroupIx, Mask, TableRef};
use std::ops::Range;
use std::sync::Arc;

mod attribution;
mod beside;
mod copy;
mod fill;
mod hash;
mod literal;
mod reshapes;
mod subjects;

pub use attribution::{Attribute, Attribution, Constant};
pub use beside::Beside;
pub use copy::{CopyColumn, CopyDirection, CopyForm, CopyHash, CopyHeader, CopyPlan, CopyValue};
pub(crate) use fill::Fill;
pub use hash::{HashPart, Plaintexts};
pub use literal::{Literal, LiteralText};
pub use reshapes::Reshapes;
pub use subjects::{Added, At, Form, Source, Subjects, is_subject_type};

/// One statement of a string, with what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Bytes of the client's text, from the statement's first token to its last (no `;`).
    pub range: Range<usize>,
    /// For the audit log, the session and its bookkeeping.
    pub facts: Arc<Facts>,
    /// The verdict.
    pub verdict: Verdict,
    /// What the caller keeps beside it.
    pub beside: Beside,
}

/// The answer. A new variant may join (DESIGN §10): match without a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Touches nothing protected: the client's bytes go on as they are.
    Untouched,
    /// Goes on after these edits.
    Plan(Arc<Plan>),
    /// Does not go on.
    Refusal(Arc<Refusal>),
}

/// What a statement is, beside its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `SELECT`, `INSERT`, `CREATE TABLE` …: the command tag's words where there is one, for the record's `kind`.
    pub kind: &'static str,
    /// Relations outside the system catalogs that the statement names, resolved where possible.
    pub tables: Vec<TableRef>,
    /// Protected columns it touches, how, and how they are shown.
    pub touches: Vec<Touch>,
    /// The kind of the statement that PREPARE and DECLARE hold, and that EXECUTE runs.
    pub within: &'static str,
    /// It writes to a relation, by WITH too, or copies into one.
    pub writes: bool,
    /// It reaches relations by their foreign keys, those that the snapshot has.
    pub cascades: bool,
    /// It names functions.
    pub calls: bool,
    /// Its rows may quote texts of statements as they went upstream, with cells in them.
    pub quotes: bool,
    /// Its rows may quote stored expressions, with cells for constants in them.
    pub defines: bool,
    /// Its rows are of a cursor that the session did not see opened, which a trusted function may have.
    pub unseen: bool,
    /// What the session has to do or know afterwards.
    pub effects: Effects,
    /// An error of the server about it may quote a cell (DDL on a protected table, the end of a transaction).
    pub quotes_cells: bool,
}

/// What a statement may change that later verdicts depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The catalog may be different afterwards (DDL, DO, CALL, unknown function), but for temporary relations of this
    /// session.
    pub catalog: bool,
    /// It may by nothing but functions that the policy trusts: whether it did, the server can be asked.
    pub by_functions: bool,
    /// Of that, what statements of other sessions may mean something else by.
    pub reshapes: Reshapes,
    /// The statements behind it in its string have been judged by a catalog that has what it changes.
    pub foreseen: bool,
    /// It makes or changes code that a later statement could run, or has an object run it.
    pub code: bool,
    /// search_path or another setting verdicts depend on may be different afterwards.
    pub settings: bool,
    /// Temporary relations that it creates.
    pub creates_temporary: Vec<Arc<str>>,
    /// It drops or indexes temporary relations of this session, and nothing else.
    pub alters_temporary: bool,
    /// Relations that it makes out of protected ones: no snapshot taken before it knows of them.
    pub makes: Vec<Arc<str>>,
    /// Transaction control.
    pub transaction: Option<Transaction>,
    /// SQL-level PREPARE, EXECUTE, DEALLOCATE of this name; `DEALLOCATE ALL` and `DISCARD ALL` are `*`.
    pub prepared: Option<(Prepared, Arc<str>)>,
    /// The cursor that it opens, reads or closes, as the grammar reads the name.
    pub cursor: Option<(Cursor, Arc<str>)>,
    /// The savepoint of SAVEPOINT, RELEASE and ROLLBACK TO.
    pub savepoint: Option<Arc<str>>,
    /// COPY FROM STDIN or TO STDOUT: the connection changes protocol.
    pub copy: bool,
    /// What it does to the settings by which a client tells who is behind it.
    pub attribution: Attribution,
}

impl Effects {
    /// Whether the session has other temporary relations afterwards.
    pub fn changes_temporary(&self) -> bool {
        self.alters_temporary || !self.creates_temporary.is_empty()
    }
}

/// Cursors of SQL; they share their names with the protocol's portals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// DECLARE
    Declare {
        /// WITH HOLD
        hold: bool,
    },
    /// FETCH
    Fetch,
    /// A function that reads it: `cursor_to_xml('name', …)`
    Read,
    /// MOVE
    Move,
    /// CLOSE
    Close,
    /// CLOSE ALL, DISCARD ALL; the name is empty
    CloseAll,
}

/// Transaction control statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// BEGIN, START TRANSACTION
    Begin,
    /// COMMIT, END, PREPARE TRANSACTION
    Commit,
    /// ROLLBACK, ABORT
    Rollback,
    /// SAVEPOINT
    Savepoint,
    /// RELEASE
    Release,
    /// ROLLBACK TO
    RollbackTo,
}

/// SQL-level prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// PREPARE
    Prepare,
    /// EXECUTE
    Execute,
    /// DEALLOCATE
    Deallocate,
}

/// How a protected column is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Its values are returned.
    Read,
    /// It decides which rows are returned or changed (WHERE, ON, GROUP BY, DISTINCT …).
    Filter,
    /// Its values are set.
    Write,
}

/// How a protected column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// As it is.
    Clear,
    /// Through its mask.
    Masked,
    /// Refused.
    Refused,
    /// Not returned (filters and writes).
    Not,
}

/// One protected column of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Touch {
    /// The column.
    pub column: ColumnRef,
    /// How it is used.
    pub usage: Use,
    /// How it is shown.
    pub shown: Shown,
}

/// Edits, parameters and outputs of a statement that touches something protected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order, not overlapping; ranges are bytes of the client's whole text.
    pub edits: Vec<Edit>,
    /// The upstream's `$1 …` in order. Empty with [`Plan::client_params`] empty where there are none.
    pub params: Vec<UpstreamParam>,
    /// The client's `$1 …` in order.
    pub client_params: Vec<ClientParam>,
    /// `Some` when at least one result column is opened; then one entry per result column.
    pub outputs: Option<Vec<Output>>,
    /// What the name that PREPARE or DECLARE gives stands for: the plan of the statement within.
    pub stands: Option<Arc<Plan>>,
    /// The rows come in binary format where the client cannot ask for one: FETCH of a BINARY cursor in a simple
    /// query.
    pub binary: bool,
    /// `Some` for a COPY whose data has cells; it has no outputs then.
    pub copy: Option<Arc<CopyPlan>>,
    /// The statement that follows in the same transaction and gives the new table the CHECKs on its groups, in
    /// pieces; empty where none does. The client does not see it.
    pub guards: Vec<Replacement>,
    /// Whose records it concerns; `None` where no table of it has a subject.
    pub subjects: Option<Arc<Subjects>>,
}

impl Plan {
    /// The same for a statement that is bound: each default is a parameter, so that every run has its own cells.
    pub fn bound(&self) -> Self {
        let mut bound = self.clone();
        for edit in &mut bound.edits {
            let Replacement::Default { column, cell } = &edit.with else {
                continue;
            };
            let Ok(number) = u16::try_from(bound.params.len() + 1) else {
                break;
            };
            bound.params.push(UpstreamParam {
                client: 0,
                seal: Some(Seal::assigned(*column)),
                oid: 17,
                made: Some(Made::Default(cell.clone())),
            });
            edit.with = Replacement::Made(number);
        }
        bound
    }

    /// The same where statements run as one string: the guards are part of it, from `end` on.
    pub fn guarded(&self, end: usize) -> Self {
        let mut guarded = self.clone();
        let before = Replacement::Text("; ".to_owned());
        let pieces = std::iter::once(before).chain(self.guards.iter().cloned());
        guarded.edits.extend(pieces.map(|with| Edit {
            range: end..end,
            with,
        }));
        guarded
    }

    /// Whether the plan holds a literal value of a client (such plans are not cached).
    pub fn has_literals(&self) -> bool {
        let edits = self.edits.iter().any(|e| match &e.with {
            Replacement::Cell { .. } | Replacement::Argument { .. } | Replacement::Hash { .. } => {
                true
            }
            Replacement::Text(_)
            | Replacement::GroupId(_)
            | Replacement::Default { .. }
            | Replacement::Made(_) => false,
        });
        let unless = |p: &UpstreamParam| p.seal.iter().any(|seal| seal.null_if.is_some());
        let params = self.params.iter().any(unless);
        let made = self.params.iter().flat_map(|p| match &p.made {
            Some(Made::Hash(parts)) => parts.as_slice(),
            Some(Made::Default(_)) | None => &[],
        });
        let stands = self.stands.iter().any(|plan| plan.has_literals());
        let subjects = self.subjects.iter().any(|s| s.has_literals());
        edits || params || stands || subjects || made.flatten().any(HashPart::is_literal)
    }
}

/// Replace these bytes by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the client's text; empty for an insertion.
    pub range: Range<usize>,
    /// What stands there instead.
    pub with: Replacement,
}

/// What an edit puts in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// This text.
    Text(String),
    /// A cell literal, `E'\\x…'::bytea`, of this value sealed for this column; one of cells where it is an array.
    Cell {
        /// What the client wrote.
        literal: Literal,
        /// How it becomes a cell.
        seal: Seal,
    },
    /// A cell literal of an argument of EXECUTE: the constant is first assigned to the parameter's type.
    Argument {
        /// What the client wrote.
        literal: Literal,
        /// OID of the prepared statement's parameter.
        oid: u32,
        /// How the parameter becomes a cell.
        seal: Seal,
    },
    /// `'\x00000011'::bytea`-style literal of the column group's id, for the CHECK of a cell column.
    GroupId(GroupIx),
    /// A fresh cell of the value that the column's default holds.
    Default {
        /// The column.
        column: ColumnIx,
        /// Its default, as the catalog has it.
        cell: StoredCell,
    },
    /// A cell literal of a hash, one of cells where it is of arrays; NULL where a part is (`None`).
    Hash {
        /// The column, and whether it is a value or many.
        seal: Seal,
        /// What its parts get, in their order: no parameters.
        parts: Vec<Option<HashPart>>,
    },
    /// The parameter of this number, from 1, which is [`Made`].
    Made(u16),
}

/// How a value becomes a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The column whose keys and declared type are used.
    pub column: ColumnIx,
    /// By which of PostgreSQL's two rules.
    pub coercion: Coercion,
    /// Whether it is a value or many.
    pub shape: Shape,
    /// How many characters an explicit cast to varchar(n) leaves of each value.
    pub cut: Option<u32>,
    /// The value is text which an explicit cast reads as of the type with this OID.
    pub read: Option<u32>,
    /// The value is text, and NULL where it is this constant: `NULLIF($1, '')`.
    pub null_if: Option<Literal>,
}

impl Seal {
    /// A value that is stored in the column.
    pub fn assigned(column: ColumnIx) -> Self {
        Self {
            column,
            coercion: Coercion::Assign,
            shape: Shape::One,
            cut: None,
            read: None,
            null_if: None,
        }
    }
}

/// What a sealed literal or parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A value, which becomes a cell.
    One,
    /// An array (`= ANY ($1)`): each of its elements becomes a cell.
    Each,
}

/// Assignment and comparison are two coercions (DESIGN §4, Values).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coercion {
    /// INSERT, UPDATE SET: length and range are checked and applied (22001, 22003, rounding).
    Assign,
    /// `=`, IN, …: the value is taken as the operator's other side; never truncated.
    Compare,
    /// It is only shown, beside cells of the column: the value with its own scale and blanks, in a cell of suite random,
    /// which equals no other.
    Show,
    /// One value is compared and stored (a column of VALUES in MERGE): a cell only where both are the same.
    Both,
}

/// A parameter of the statement that goes upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamParam {
    /// Which of the client's parameters it is, from 0.
    pub client: u16,
    /// `Some`: sealed, and declared `bytea` (17) or `bytea[]` (1001) in the upstream Parse, by its shape.
    pub seal: Option<Seal>,
    /// OID to declare upstream: 17 or 1001 where sealed, else the client's declaration or 0.
    pub oid: u32,
    /// `Some`: no parameter of the client's, but a cell that is made for the column that it seals.
    pub made: Option<Made>,
}

/// A cell that no one value of the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A fresh one of this default.
    Default(StoredCell),
    /// A hash of these, of which some are parameters; NULL where one of them is (`None`).
    Hash(Vec<Option<HashPart>>),
}

/// A parameter as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientParam {
    /// Type OID as the client declared it or as PostgreSQL would infer it on the plain table; `None`: the
    /// server's word for the upstream parameter holds.
    pub oid: Option<u32>,
}

/// A result column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// As the server sends it.
    Clear,
    /// Cells.
    Cell(CellOutput),
}

/// A result column that holds cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellOutput {
    /// The columns its cells may come from: a cell opens only under the group of one of them.
    pub columns: Vec<ColumnIx>,
    /// The type of the values, with its typmod.
    pub declared: DeclaredType,
    /// The typmod of the expression (`COALESCE(v, 'x')` loses it, a plain reference keeps it).
    pub typmod: i32,
    /// `None`: clear.
    pub mask: Option<Mask>,
    /// (table oid, attnum) as PostgreSQL would send them; from the server where `None`.
    pub origin: Option<(u32, i16)>,
    /// Every cell that a column has stored is shown as that column shows it where `typmod` is lost.
    pub stored: bool,
    /// Among them are cells of [`Coercion::Show`], which keep how they are shown.
    pub given: bool,
    /// The statement casts each value to this type, and the client is told it in place of `declared`.
    pub cast: Option<DeclaredType>,
}

impl CellOutput {
    /// The type and typmod that the client is told.
    pub fn told(&self) -> (DeclaredType, i32) {
        let own = (self.declared, self.typmod);
        self.cast.map_or(own, |cast| (cast, cast.typmod()))
    }
}

/// Why a statement does not go on, in PostgreSQL's error fields. Names tables and columns, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Five characters.
    pub sqlstate: &'static str,
    /// What is not possible.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// The way out.
    pub hint: Option<String>,
    /// Byte offset in the client's text.
    pub position: Option<usize>,
}
