//! COPY data of a client, sealed on its way, and of a server, opened.
//!
//! How the stream is cut must never change what goes on; a protected value never goes on as it came.

use bytes::BytesMut;
use hippocrypt::protect::{CopyIn, CopyOut, Settings, Vault};
use hippocrypt_keys::{Keyring, Provider};
use hippocrypt_policy::{ColumnIx, Policy};
use hippocrypt_sql::verdict::{
    CellOutput, CopyColumn, CopyDirection, CopyForm, CopyHeader, CopyPlan, CopyValue,
};
use std::sync::{Arc, OnceLock};

/// The first byte chooses the format. Rare: three rows of text or CSV that are whole.
pub(crate) fn stream(data: &[u8]) -> bool {
    let [choice, data @ ..] = data else {
        return false;
    };
    let form = match choice % 3 {
        0 => CopyForm::Text {
            delimiter: b'\t',
            null: "\\N".into(),
        },
        1 => CopyForm::Csv {
            delimiter: b',',
            null: "".into(),
            quote: b'"',
            escape: b'"',
        },
        _ => CopyForm::Binary,
    };
    let middle = data.len() / 2;
    let whole = seal(&form, &[data]);
    let halves = seal(&form, &[&data[..middle], &data[middle..]]);
    // cells of a random column differ each time, their number does not
    assert_eq!(whole, halves, "a cut changes the rows");
    let mut out = CopyOut::new(plan(form, CopyDirection::Out));
    let _ = out.message(data, vault(), &Settings::default(), &mut BytesMut::new());
    choice % 3 != 2 && whole.is_some_and(|(lines, _)| lines == 3)
}

/// Lines and bytes that go on, or nothing where the data is refused.
fn seal(form: &CopyForm, pieces: &[&[u8]]) -> Option<(usize, usize)> {
    let settings = Settings::default();
    let mut copy = CopyIn::new(plan(form.clone(), CopyDirection::In));
    let mut out = BytesMut::new();
    for piece in pieces {
        copy.push(piece, vault(), &settings, &mut out).ok()?;
    }
    copy.finish(vault(), &settings, &mut out).ok()?;
    let lines = out.iter().filter(|b| **b == b'\n').count();
    Some((lines, out.len()))
}

/// `id` in clear and `ssn` as cells.
fn plan(form: CopyForm, direction: CopyDirection) -> Arc<CopyPlan> {
    let ssn = ColumnIx(0);
    let declared = vault().declared(ssn).unwrap();
    let value = match direction {
        CopyDirection::In => CopyValue::Seal(ssn),
        CopyDirection::Out => CopyValue::Open(CellOutput {
            columns: vec![ssn],
            declared,
            typmod: declared.typmod(),
            mask: None,
            origin: None,
            stored: true,
            given: false,
            cast: None,
        }),
    };
    let column = |name: &str, value| CopyColumn {
        name: name.into(),
        value,
        force_quote: false,
        force_not_null: false,
        force_null: false,
    };
    Arc::new(CopyPlan {
        direction,
        table: None,
        form,
        header: CopyHeader::None,
        columns: vec![column("id", CopyValue::Clear), column("ssn", value)],
        hashes: Vec::new(),
    })
}

fn vault() -> &'static Vault {
    static VAULT: OnceLock<Vault> = OnceLock::new();
    VAULT.get_or_init(|| {
        let text = "databases: { d: { tables: { public.t: { columns: \
                    { ssn: { type: varchar(11), protect: deterministic } } } } } }";
        let policy = Policy::parse("policy.yaml", text, &|_| None).unwrap();
        let database = policy.databases.values().next().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keyring.json");
        let provider = Provider::File(directory.path().join("master.key"));
        let groups = database
            .groups
            .iter()
            .map(|g| Arc::clone(&g.name))
            .collect();
        Keyring::init(&path, &provider, &[("d".into(), groups)]).unwrap();
        let keyring = Keyring::load(&path, &provider).unwrap();
        Vault::new(database, keyring.database("d").unwrap()).unwrap()
    })
}
