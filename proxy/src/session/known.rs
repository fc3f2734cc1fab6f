//! What the session knows of its own settings and catalog, and when it no longer does.
//!
//! ```text
//!   Known ──settings changed──► stale names ──own questions──► Known
//!   Known ──DDL──► stale catalog ──idle: temporary names asked, then RefreshCatalog──► Known
//!                                 └──in a block: the whole snapshot asked──► Known, for this block
//!   Known ──temporary table made──► stale temporary names ──own question──► Known
//! ```
//!
//! It must never let a name be resolved by what was true before the last change.

use super::attribution::Tracked;
use super::inflight::Question;
use super::machine::Protected;
use super::prepared::Basis;
use crate::catalog::Snapshot;
use hippocrypt_policy::CatalogAccess;
use hippocrypt_sql::Analyser;
use hippocrypt_sql::catalog::{CatalogShows, Names};
use hippocrypt_sql::settings;
use hippocrypt_sql::world::World;
use std::sync::Arc;

/// What is outstanding before a statement can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// Ask these over the session's own connection.
    Ask(Vec<Question>),
    /// Ask the driver for the catalog.
    Refresh,
}

/// Who has been asked and has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Nothing,
    /// The server, over the session's own connection.
    Server,
    /// The driver, for the catalog.
    Driver,
}

/// `hippocrypt.catalog` of this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CatalogSetting {
    /// The role may not see catalogs as they are: nothing depends on it.
    Idle,
    /// It does not exist yet.
    Unset,
    /// It can be shown.
    Asked,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) names: Arc<Names>,
    /// The analyser of this transaction, where it has seen DDL.
    local: Option<Arc<Analyser>>,
    local_count: u64,
    policies: u64,
    stale_names: bool,
    stale_catalog: bool,
    stale_temporary: bool,
    /// Settings changed in this transaction: its end may undo that.
    settings_in_block: bool,
    catalog_in_block: bool,
    temporary_in_block: bool,
    asking: Asking,
    path: String,
    role: String,
    /// Whether `hippocrypt.catalog` is anything to ask for, and is known to the server.
    catalog_setting: CatalogSetting,
    pub(super) session_user: String,
    pub(super) snapshot: Option<Snapshot>,
    temporary: Vec<Arc<str>>,
    catalog: CatalogShows,
    pub(super) utf8: bool,
    /// Who is behind the client.
    pub(super) tracked: Tracked,
}

impl Known {
    pub(super) fn new(protected: Option<&Protected>, tracked: Tracked) -> Self {
        let may = protected.is_some_and(|p| p.rights.catalog == CatalogAccess::Physical);
        Self {
            catalog_setting: match may {
                true => CatalogSetting::Unset,
                false => CatalogSetting::Idle,
            },
            names: Arc::new(Names {
                standard_conforming_strings: true,
                ..Names::default()
            }),
            local: None,
            local_count: 0,
            policies: 0,
            stale_names: true,
            stale_catalog: false,
            stale_temporary: false,
            settings_in_block: false,
            catalog_in_block: false,
            temporary_in_block: false,
            asking: Asking::Nothing,
            path: String::new(),
            role: String::new(),
            session_user: String::new(),
            snapshot: None,
            temporary: Vec::new(),
            catalog: CatalogShows::default(),
            utf8: true,
            tracked,
        }
    }

    /// Another policy holds, outside of a transaction: what it makes of names is asked anew.
    pub(super) fn renew(&mut self, protected: &Protected) {
        let fresh = Self::new(Some(protected), Tracked::default());
        // what the session has set itself stays
        if self.catalog_setting != CatalogSetting::Asked
            || fresh.catalog_setting == CatalogSetting::Idle
        {
            self.catalog_setting = fresh.catalog_setting;
        }
        self.catalog = fresh.catalog;
        self.local = None;
        self.policies += 1;
        self.stale_names = true;
        self.stale_temporary = true;
    }

    /// What verdicts are made by now.
    pub(super) fn basis(&self, shared: &Analyser) -> Basis {
        Basis {
            catalog: shared.world().catalog().version,
            local: if self.local.is_some() {
                self.local_count
            } else {
                0
            },
            policies: self.policies,
            names: Arc::clone(&self.names),
        }
    }

    pub(super) fn analyser(&self, protected: &Protected) -> Arc<Analyser> {
        match &self.local {
            Some(local) => Arc::clone(local),
            None => protected.worlds.current(),
        }
    }

    /// What is to be asked first. `in_transaction`: a block is open, or messages wait for their Sync.
    pub(super) fn need(&self, in_transaction: bool) -> Need {
        const ALL: &[Question] = &[
            Question::Declare,
            Question::Catalog,
            Question::Format("SHOW bytea_output"),
            Question::Format("SHOW extra_float_digits"),
            Question::Format("SHOW array_nulls"),
            Question::Format("SHOW DateStyle"),
            Question::Format("SHOW IntervalStyle"),
            Question::Format("SHOW TimeZone"),
            Question::Strings,
            Question::SearchPath,
            Question::Role,
        ];
        let mut questions = self.tracked.questions();
        if self.stale_names {
            let settled = match self.catalog_setting {
                CatalogSetting::Unset => 0,
                CatalogSetting::Asked => 1,
                CatalogSetting::Idle => 2,
            };
            questions.extend(ALL.get(settled..).unwrap_or(ALL));
        }
        if !questions.is_empty() {
            return Need::Ask(questions);
        }
        match (self.stale_catalog, in_transaction) {
            (true, true) => Need::Ask(vec![Question::Snapshot]),
            // the session has made a temporary relation in this transaction: a SELECT of ours takes it nothing
            _ if self.stale_temporary => Need::Ask(vec![Question::Temporary]),
            (true, false) => Need::Refresh,
            (false, _) => Need::Nothing,
        }
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asking != Asking::Nothing
    }

    pub(super) fn ask(&mut self, asking: Asking) {
        self.asking = asking;
    }

    /// Nothing is in flight any more: questions have been answered.
    pub(super) fn answered(&mut self) {
        if self.asking == Asking::Server {
            self.asking = Asking::Nothing;
        }
    }

    /// Whether nothing has changed that has not been asked since.
    pub(super) fn is_fresh(&self) -> bool {
        !(self.stale_names || self.stale_catalog || self.stale_temporary)
    }

    /// DDL has been committed that the shared catalog does not know yet.
    pub(super) fn is_behind(&self) -> bool {
        self.stale_catalog
    }

    /// The catalog that the session has read in its own transaction, where it has.
    pub(super) fn own_catalog(&self) -> Option<&Arc<World>> {
        self.local.as_ref().map(|local| local.world())
    }

    pub(super) fn settings_changed(&mut self) {
        self.stale_names = true;
        self.settings_in_block = true;
    }

    pub(super) fn catalog_changed(&mut self) {
        self.stale_catalog = true;
        self.stale_temporary = true;
        self.catalog_in_block = true;
    }

    /// Of the catalog nothing but the session's own temporary relations.
    pub(super) fn temporary_changed(&mut self) {
        self.stale_temporary = true;
        self.temporary_in_block = true;
    }

    /// ROLLBACK TO: what this block did may be undone.
    pub(super) fn rolled_back_to(&mut self) {
        self.stale_names |= self.settings_in_block;
        self.tracked.rolled_back_to();
        if self.catalog_in_block {
            self.stale_catalog = true;
        }
        self.stale_temporary |= self.catalog_in_block || self.temporary_in_block;
    }

    /// The transaction is over.
    pub(super) fn transaction_ended(&mut self) {
        self.tracked.transaction_ended();
        if std::mem::take(&mut self.settings_in_block) {
            self.stale_names = true;
        }
        if std::mem::take(&mut self.catalog_in_block) {
            self.stale_catalog = true;
            self.stale_temporary = true;
        }
        self.stale_temporary |= std::mem::take(&mut self.temporary_in_block);
        self.local = None;
    }

    pub(super) fn on_refreshed(&mut self, good: bool) {
        self.asking = Asking::Nothing;
        self.stale_catalog = !good;
    }

    pub(super) fn set_standard_conforming_strings(&mut self, on: bool) {
        if self.names.standard_conforming_strings != on {
            let mut names = (*self.names).clone();
            names.standard_conforming_strings = on;
            self.names = Arc::new(names);
        }
    }

    /// A row that answers a question; `false` where it is not understood.
    pub(super) fn answer(&mut self, question: Question, fields: &[Option<&str>]) -> bool {
        let first = fields.first().copied().flatten();
        match question {
            Question::SearchPath => first.unwrap_or("").clone_into(&mut self.path),
            Question::Role => first.unwrap_or("").clone_into(&mut self.role),
            Question::Strings => self.set_standard_conforming_strings(first == Some("on")),
            // the machine's settings take it
            Question::Format(_) => {}
            Question::HasChanged if first == Some("f") => {}
            Question::HasChanged => self.catalog_changed(),
            Question::Declare | Question::DeclareAttribute(_) => return false,
            Question::Attribute(attribute) => {
                self.tracked.answer(attribute, first.unwrap_or(""));
            }
            Question::Catalog => self.catalog = settings::shows(first.unwrap_or("")),
            Question::Temporary => self.temporary.extend(first.map(Arc::from)),
            Question::Snapshot => {
                let snapshot = self.snapshot.get_or_insert_with(Snapshot::default);
                return snapshot.row(fields).is_ok();
            }
        }
        true
    }

    /// Before its first row.
    pub(super) fn begin(&mut self, question: Question) {
        match question {
            Question::SearchPath
            | Question::Role
            | Question::Strings
            | Question::Format(_)
            | Question::Declare
            | Question::DeclareAttribute(_)
            | Question::Attribute(_)
            | Question::HasChanged
            | Question::Catalog => {}
            Question::Temporary => self.temporary.clear(),
            Question::Snapshot => self.snapshot = None,
        }
    }

    /// All rows of it have come.
    pub(super) fn complete(&mut self, question: Question, protected: &Protected) {
        match question {
            Question::SearchPath
            | Question::Strings
            | Question::Format(_)
            | Question::Catalog
            | Question::HasChanged
            | Question::DeclareAttribute(_) => return,
            Question::Attribute(attribute) => return self.tracked.complete(attribute),
            Question::Declare => {
                self.catalog_setting = CatalogSetting::Asked;
                return;
            }
            Question::Role => self.stale_names = false,
            Question::Temporary => self.stale_temporary = false,
            Question::Snapshot => {
                let version = protected.worlds.current().world().catalog().version;
                let path = self.names.search_path.clone();
                let snapshot = self.snapshot.take().unwrap_or_default();
                let (catalog, temporary) = snapshot.finish(version, path);
                self.temporary = temporary;
                self.local_count += 1;
                self.local = Some(Arc::new(Analyser::new(
                    Arc::new(catalog),
                    Arc::clone(&protected.database),
                )));
                self.stale_catalog = false;
                self.stale_temporary = false;
            }
        }
        self.rebuild();
    }

    fn rebuild(&mut self) {
        let user = match self.role.as_str() {
            "none" | "" => &self.session_user,
            role => role,
        };
        let names = Names {
            search_path: Names::path(&self.path, user),
            temporary: self.temporary.clone(),
            standard_conforming_strings: self.names.standard_conforming_strings,
            catalog: self.catalog,
        };
        if *self.names != names {
            self.names = Arc::new(names);
        }
    }
}
