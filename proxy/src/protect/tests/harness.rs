//! A vault of its own, with a column of every type and kind.

use crate::protect::{Settings, Vault};
use bytes::BytesMut;
use hippocrypt_keys::{Keyring, Provider};
use hippocrypt_policy::{
    Column, ColumnIx, ColumnRef, Database, DeclaredType as D, Group, GroupIx, Mask, Place, Protect,
    TableRef,
};
use hippocrypt_sql::verdict::{CellOutput, Coercion, Output, Seal, Shape};
use std::sync::{Arc, OnceLock};

pub(in crate::protect) const NAME: ColumnIx = ColumnIx(0);
pub(in crate::protect) const SSN: ColumnIx = ColumnIx(1);
pub(in crate::protect) const DOB: ColumnIx = ColumnIx(2);
pub(in crate::protect) const AGE: ColumnIx = ColumnIx(3);
pub(in crate::protect) const BIG: ColumnIx = ColumnIx(4);
pub(in crate::protect) const AMOUNT: ColumnIx = ColumnIx(5);
pub(in crate::protect) const PRICE: ColumnIx = ColumnIx(6);
pub(in crate::protect) const SEEN: ColumnIx = ColumnIx(7);
pub(in crate::protect) const OK: ColumnIx = ColumnIx(8);
pub(in crate::protect) const ID: ColumnIx = ColumnIx(9);
pub(in crate::protect) const WATCHED: ColumnIx = ColumnIx(10);
pub(in crate::protect) const PATIENT: ColumnIx = ColumnIx(11);

/// (name, type, deterministic, mask); the last two are special.
const COLUMNS: [(&str, D, bool, Mask); 10] = [
    ("name", D::Text, false, Mask::First(1)),
    ("ssn", D::Varchar(Some(11)), true, Mask::Last(4)),
    ("dob", D::Date, false, Mask::Year),
    ("age", D::Int4, true, Mask::Full),
    ("big", D::Int8, false, Mask::Full),
    ("amount", D::Numeric(None), false, Mask::Full),
    ("price", D::Numeric(Some((10, 2))), true, Mask::Full),
    ("seen", D::Timestamptz(Some(3)), false, Mask::Year),
    ("ok", D::Bool, false, Mask::Full),
    ("id", D::Uuid, true, Mask::Full),
];

fn column(name: &str, declared: D, protect: Protect, mask: Mask, group: Option<u32>) -> Column {
    let table = TableRef {
        schema: "public".into(),
        table: "t".into(),
    };
    Column {
        text: name.into(),
        name: ColumnRef {
            table,
            column: name.into(),
        },
        declared,
        protect,
        mask,
        group: group.map(GroupIx),
        was: None,
        place: Place {
            file: "policy.yaml".into(),
            line: 1,
        },
    }
}

/// The policy.
pub(in crate::protect) fn database() -> Database {
    let mut columns = Vec::new();
    let mut groups = Vec::new();
    for (i, (name, declared, deterministic, mask)) in COLUMNS.into_iter().enumerate() {
        let protect = match deterministic {
            true => Protect::Deterministic,
            false => Protect::Random,
        };
        columns.push(column(
            name,
            declared,
            protect,
            mask,
            Some(i.try_into().unwrap()),
        ));
        groups.push(Group {
            name: format!("public.t.{name}").into(),
            deterministic,
        });
    }
    let eleven = D::Varchar(Some(11));
    columns.push(column(
        "watched",
        eleven,
        Protect::None,
        Mask::Last(4),
        None,
    ));
    columns.push(column(
        "patient",
        D::Text,
        Protect::Deterministic,
        Mask::Full,
        Some(SSN.0),
    ));
    Database {
        name: "clinic".into(),
        tables: Default::default(),
        columns,
        groups,
        trusted_functions: Vec::new(),
    }
}

/// One vault for all tests: making a keyring touches the disk.
pub(in crate::protect) fn vault() -> &'static Vault {
    static VAULT: OnceLock<Vault> = OnceLock::new();
    VAULT.get_or_init(|| vault_of(&database()))
}

/// A vault with fresh keys for this database, whose name is `clinic`.
pub(crate) fn vault_of(database: &Database) -> Vault {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keyring.json");
    let provider = Provider::File(directory.path().join("master.key"));
    let groups = database
        .groups
        .iter()
        .map(|g| Arc::clone(&g.name))
        .collect();
    Keyring::init(&path, &provider, &[("clinic".into(), groups)]).unwrap();
    let keyring = Keyring::load(&path, &provider).unwrap();
    Vault::new(database, keyring.database("clinic").unwrap()).unwrap()
}

pub(in crate::protect) fn seal(column: ColumnIx, coercion: Coercion) -> Seal {
    Seal {
        column,
        coercion,
        shape: Shape::One,
        cut: None,
        read: None,
        null_if: None,
    }
}

/// A plain reference to the column.
pub(in crate::protect) fn output(column: ColumnIx, masked: bool) -> Output {
    let all = database();
    let found = all.column(column).unwrap();
    Output::Cell(CellOutput {
        columns: vec![column],
        declared: found.declared,
        typmod: found.declared.typmod(),
        mask: masked.then_some(found.mask),
        origin: Some((4711, 2)),
        stored: true,
        given: false,
        cast: None,
    })
}

pub(in crate::protect) fn settings() -> Settings {
    Settings::default()
}

/// The payload of a DataRow.
pub(in crate::protect) fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        match value {
            None => body.extend((-1i32).to_be_bytes()),
            Some(v) => {
                body.extend(i32::try_from(v.len()).unwrap().to_be_bytes());
                body.extend(*v);
            }
        }
    }
    body
}

/// The values of a whole DataRow frame.
pub(in crate::protect) fn values(frame: &BytesMut) -> Vec<Option<Vec<u8>>> {
    assert_eq!(frame[0], b'D');
    let length = u32::from_be_bytes(frame[1..5].try_into().unwrap());
    assert_eq!(usize::try_from(length).unwrap(), frame.len() - 1);
    let mut rest = &frame[7..];
    let mut found = Vec::new();
    for _ in 0..u16::from_be_bytes(frame[5..7].try_into().unwrap()) {
        let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
        rest = &rest[4..];
        found.push(usize::try_from(length).ok().map(|n| {
            let value = rest[..n].to_vec();
            rest = &rest[n..];
            value
        }));
    }
    assert!(rest.is_empty());
    found
}
