//! render, bind and the descriptions.

use super::harness::{AGE, DOB, NAME, PRICE, SSN, database, output, seal, settings, vault};
use crate::protect::{
    BindError, BindParts, Drift, FieldParts, Rendered, ValueError, Vault, VaultError, bind,
    parameter_description, render, row_description,
};
use bytes::BytesMut;
use hippocrypt_policy::{ColumnIx, GroupIx};
use hippocrypt_sql::verdict::{
    ClientParam, Coercion, Edit, Literal, Output, Plan, Replacement, Statement, UpstreamParam,
    Verdict,
};
use std::sync::Arc;

fn text(value: &str) -> Literal {
    Literal::String {
        value: value.into(),
        cast: 0,
    }
}

fn cell(text_of: &str, what: &str, literal: Literal, column: ColumnIx, coercion: Coercion) -> Edit {
    let start = text_of.find(what).unwrap();
    Edit {
        range: start..start + what.len(),
        with: Replacement::Cell {
            literal,
            seal: seal(column, coercion),
        },
    }
}

fn rendered(text: &str, edits: Vec<Edit>) -> Result<Rendered, ValueError> {
    let plan = Plan {
        edits,
        ..Plan::default()
    };
    let statement = Statement {
        range: 0..text.len(),
        facts: Arc::default(),
        verdict: Verdict::Plan(Arc::new(plan)),
        beside: hippocrypt_sql::verdict::Beside::default(),
    };
    render(text, &[statement], vault(), &settings())
}

#[test]
fn literals_become_cells_and_positions_map_back() {
    let text_of = "SELECT äöü FROM t WHERE ssn='900-11-0001'AND x=nowhere";
    let literal = text("900-11-0001");
    let edit = cell(
        text_of,
        "'900-11-0001'",
        literal.clone(),
        SSN,
        Coercion::Compare,
    );
    let once = rendered(text_of, vec![edit.clone()]).unwrap();
    assert!(!once.text.contains("900-11-0001"));
    assert!(
        once.text
            .starts_with("SELECT äöü FROM t WHERE ssn=E'\\\\xf5e102")
    );
    assert!(
        once.text.ends_with("'::bytea AND x=nowhere"),
        "{}",
        once.text
    );
    let char_at = |text: &str, what: &str| {
        let at = text.find(what).unwrap();
        u32::try_from(text[..at].chars().count() + 1).unwrap()
    };
    for what in ["äöü", "FROM", "AND", "nowhere"] {
        let upstream = char_at(&once.text, what);
        let want = char_at(text_of, what);
        assert_eq!(once.map.to_client(upstream), want, "{what}");
    }
    let inside = char_at(&once.text, "f5e1");
    assert_eq!(once.map.to_client(inside), char_at(text_of, "'900"));
    assert_eq!(
        rendered(text_of, vec![edit]).unwrap().text,
        once.text,
        "deterministic"
    );
    let random = cell(text_of, "'900-11-0001'", literal, NAME, Coercion::Assign);
    let two = [random.clone(), random].map(|e| rendered(text_of, vec![e]).unwrap().text);
    assert_ne!(two[0], two[1]);
}

#[test]
fn a_bad_literal_names_column_and_place_but_no_value() {
    let text_of = "INSERT INTO t VALUES ('ä', 'far too long for it')";
    let literal = text("far too long for it");
    let edit = cell(
        text_of,
        "'far too long for it'",
        literal,
        SSN,
        Coercion::Assign,
    );
    let error = rendered(text_of, vec![edit]).unwrap_err();
    assert_eq!(error.sqlstate, "22001");
    assert_eq!(
        error.message,
        "value too long for type character varying(11)"
    );
    assert_eq!(error.column.as_ref().unwrap().to_string(), "public.t.ssn");
    assert_eq!(error.position, text_of.find("'far"));
    assert!(!format!("{error:?}").contains("far too"));
}

#[test]
fn a_group_id_becomes_a_literal() {
    let text_of = "CHECK (x = @)";
    let at = text_of.find('@').unwrap();
    let edit = Edit {
        range: at..at + 1,
        with: Replacement::GroupId(GroupIx(1)),
    };
    let id = vault().group_id(GroupIx(1)).unwrap().0;
    let want = format!("CHECK (x = E'\\\\x{id:08x}'::bytea)");
    assert_eq!(rendered(text_of, vec![edit]).unwrap().text, want);
}

fn plan(params: &[(u16, Option<ColumnIx>)], outputs: Option<Vec<Output>>) -> Plan {
    let clients = params.iter().map(|(c, _)| *c).max().map_or(0, |c| c + 1);
    Plan {
        params: params
            .iter()
            .map(|(client, column)| UpstreamParam {
                client: *client,
                seal: column.map(|c| seal(c, Coercion::Assign)),
                oid: if column.is_some() { 17 } else { 0 },
                made: None,
            })
            .collect(),
        client_params: (0..clients).map(|_| ClientParam { oid: None }).collect(),
        outputs,
        ..Plan::default()
    }
}

/// A Bind frame taken apart: parameter formats, parameters, result formats.
type Bound = (Vec<i16>, Vec<Option<Vec<u8>>>, Vec<i16>);

fn bound(
    plan: &Plan,
    oids: &[u32],
    formats: &[i16],
    params: &[Option<&[u8]>],
    results: &[i16],
) -> Result<Bound, BindError> {
    let mut out = BytesMut::from(&b"before"[..]);
    let parts = BindParts {
        portal: b"p",
        statement: b"s",
        param_formats: formats,
        params,
        result_formats: results,
    };
    if let Err(e) = bind(plan, vault(), &settings(), oids, &parts, &mut out) {
        assert_eq!(&out[..], b"before", "nothing is left behind");
        return Err(e);
    }
    assert_eq!(&out[..7], b"beforeB");
    assert_eq!(&out[11..15], b"p\0s\0");
    let mut rest = &out[15..];
    let i16 = |rest: &mut &[u8]| {
        let n = i16::from_be_bytes(rest[..2].try_into().unwrap());
        *rest = &rest[2..];
        n
    };
    let formats = (0..i16(&mut rest)).map(|_| i16(&mut rest)).collect();
    let count = i16(&mut rest);
    let mut values = Vec::new();
    for _ in 0..count {
        let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
        rest = &rest[4..];
        values.push(usize::try_from(length).ok().map(|n| {
            let value = rest[..n].to_vec();
            rest = &rest[n..];
            value
        }));
    }
    let results = (0..i16(&mut rest)).map(|_| i16(&mut rest)).collect();
    assert!(rest.is_empty());
    Ok((formats, values, results))
}

#[test]
fn parameters_are_sealed_split_and_copied() {
    let plan = plan(
        &[(0, Some(SSN)), (1, None), (0, Some(NAME)), (2, Some(AGE))],
        None,
    );
    let params = [
        Some(&b"900-11-0001"[..]),
        Some(b"clear"),
        Some(&[0, 0, 0, 7]),
    ];
    let (formats, values, results) =
        bound(&plan, &[1043, 25, 23], &[0, 0, 1], &params, &[1]).unwrap();
    assert_eq!(formats, [1, 0, 1, 1]);
    assert_eq!(results, [1]);
    assert_eq!(values[1].as_deref(), Some(&b"clear"[..]));
    for (at, suite) in [(0, 2), (2, 1), (3, 2)] {
        let cell = values[at].as_ref().unwrap();
        assert_eq!(cell[..3], [0xf5, 0xe1, suite]);
        assert!(!cell.windows(6).any(|w| w == b"900-11"));
    }
    // the same value as text, as int8 and as an undeclared parameter is the same cell
    for (oid, format, bytes) in [
        (23u32, 0, &b" 7 "[..]),
        (20, 1, &[0, 0, 0, 0, 0, 0, 0, 7]),
        (0, 0, b"7"),
        (705, 0, b"+7"),
        (1700, 1, &[0, 1, 0, 0, 0, 0, 0, 2, 0, 7]),
    ] {
        let params = [Some(&b"900-11-0001"[..]), None, Some(bytes)];
        let again = bound(&plan, &[1043, 25, oid], &[0, 0, format], &params, &[])
            .unwrap()
            .1;
        assert_eq!(again[3], values[3], "{oid}");
        assert_eq!(again[0], values[0]);
        assert_ne!(again[2], values[2], "random");
    }
}

#[test]
fn null_stays_null_and_bad_binds_are_refused() {
    let plan = plan(&[(0, Some(SSN))], None);
    let (formats, values, _) = bound(&plan, &[], &[], &[None], &[]).unwrap();
    assert_eq!((&formats[..], &values[..]), (&[1][..], &[None][..]));
    let code = |r: Result<Bound, BindError>| match r.unwrap_err() {
        BindError::Value(e) => e.sqlstate,
        BindError::Protocol(_) => "08P01",
        BindError::Seal(_) => "XX000",
    };
    let one =
        |oid, format: i16, bytes: &[u8]| code(bound(&plan, &[oid], &[format], &[Some(bytes)], &[]));
    assert_eq!(one(25, 0, b"\xff"), "22021");
    assert_eq!(one(25, 1, b"a\0b"), "22021");
    assert_eq!(one(25, 0, b"900-11-0001x"), "22001");
    assert_eq!(one(25, 2, b"x"), "22023");
    assert_eq!(one(16385, 0, b"x"), "0A000");
    assert_eq!(one(20, 1, &[0; 7]), "08P01");
    assert_eq!(one(20, 1, &[0; 9]), "22P03");
    assert_eq!(code(bound(&plan, &[25], &[], &[], &[])), "08P01");
    assert_eq!(code(bound(&plan, &[25], &[0, 0], &[None], &[])), "08P01");
}

#[test]
fn cells_are_asked_for_in_binary() {
    let outputs = vec![Output::Clear, output(SSN, false), Output::Clear];
    let plan = plan(&[(0, None)], Some(outputs));
    let results = |codes: &[i16]| bound(&plan, &[], &[], &[None], codes).map(|b| b.2);
    assert_eq!(results(&[]).unwrap(), [0, 1, 0]);
    assert_eq!(results(&[1]).unwrap(), [1, 1, 1]);
    assert_eq!(results(&[1, 0, 0]).unwrap(), [1, 1, 0]);
    assert!(results(&[1, 0]).is_err());
}

#[test]
fn descriptions_are_those_of_the_plain_table() {
    let field = |oid, typmod| FieldParts {
        name: b"c",
        table: 9,
        attnum: 1,
        oid,
        typlen: -1,
        typmod,
        format: 1,
    };
    let outputs = [
        output(SSN, false),
        Output::Clear,
        output(DOB, true),
        output(PRICE, false),
    ];
    let server = [field(17, -1), field(25, -1), field(17, -1), field(17, -1)];
    let mut out = BytesMut::new();
    row_description(&outputs, &server, Some(&[0]), &mut out).unwrap();
    let mut want = vec![0, 4];
    for (table, attnum, oid, typlen, typmod) in [
        (4711u32, 2i16, 1043u32, -1i16, 15i32),
        (9, 1, 25, -1, -1),
        (4711, 2, 1082, 4, -1),
        (4711, 2, 1700, -1, 655_366),
    ] {
        want.extend(b"c\0");
        want.extend(table.to_be_bytes());
        want.extend(attnum.to_be_bytes());
        want.extend(oid.to_be_bytes());
        want.extend(typlen.to_be_bytes());
        want.extend(typmod.to_be_bytes());
        want.extend([0, 0]);
    }
    assert_eq!(&out[5..], want);
    let drifted = [field(25, -1), field(25, -1), field(17, -1), field(17, -1)];
    let mut out = BytesMut::new();
    let drift = row_description(&outputs, &drifted, None, &mut out).unwrap_err();
    assert_eq!(drift, Drift::Type { index: 0, oid: 25 });
    assert!(row_description(&outputs, &server[..3], None, &mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn parameters_are_described_for_the_client() {
    let mut plan = plan(&[(0, Some(SSN)), (1, None), (0, None)], None);
    plan.client_params[0].oid = Some(1043);
    let mut out = BytesMut::new();
    parameter_description(&plan, &[17, 23, 25], &mut out).unwrap();
    assert_eq!(&out[5..], [0, 2, 0, 0, 4, 19, 0, 0, 0, 23]);
    assert!(parameter_description(&plan, &[17, 23], &mut out).is_err());
}

#[test]
fn a_column_without_id_has_no_vault() {
    let mut database = database();
    database.groups[3].name = "public.t.unknown".into();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keyring.json");
    let provider = hippocrypt_keys::Provider::File(directory.path().join("master.key"));
    let known = super::harness::database();
    let groups = known.groups.iter().map(|g| Arc::clone(&g.name)).collect();
    hippocrypt_keys::Keyring::init(&path, &provider, &[("clinic".into(), groups)]).unwrap();
    let keyring = hippocrypt_keys::Keyring::load(&path, &provider).unwrap();
    let error = Vault::new(&database, keyring.database("clinic").unwrap()).unwrap_err();
    assert!(matches!(error, VaultError::NoId { .. }));
    assert!(
        error.to_string().contains("public.t.age (policy.yaml:1)"),
        "{error}"
    );
    assert!(error.to_string().contains("keys sync"), "{error}");
}
