//! COPY FROM fills the hash of each row, behind the fields that the client sends.

use super::*;

/// Sends data in pieces of this size and gives what came back.
fn copy(client: &mut Raw, sql: &str, data: &[u8], piece: usize) -> Vec<Message> {
    client.send(&raw::query(sql));
    let mut answer = client.until("GE");
    if answer.last().is_some_and(|m| m.tag == 'G') {
        for piece in data.chunks(piece) {
            client.send(&raw::copy_data(piece));
        }
        client.send(&raw::copy_done());
    }
    answer.extend(client.until_ready());
    answer
}

const ROWS: [(&str, &str); 8] = [
    (
        "COPY people (id, ssn, dob) FROM STDIN",
        "1\t900-hash-1\t1984-07-30\n2\t\\N\t1984-07-30\n3\t900-hash-1\t\\N\n4\t900\\055hash-1\t19840730\n",
    ),
    (
        "COPY people (dob, name, id, ssn) FROM STDIN (FORMAT csv, HEADER match)",
        "dob,name,id,ssn\n1984-07-30,\"a, \"\"b\"\"\nc\",5,900-hash-1\n,,6,900-hash-1\n1984-07-30,\"\",7,\"900-hash-2\"\n",
    ),
    (
        "COPY people (dob, name, id, ssn) FROM STDIN (FORMAT csv, HEADER)",
        "a,b,c,d\r\n1984-07-30,x,8,900-hash-1\r\n,y,9,\r\n",
    ),
    (
        "COPY people (id, ssn, dob) FROM STDIN (FORMAT csv, NULL 'x', DELIMITER ';', QUOTE '''')",
        "10;'900-hash-1';1984-07-30\n11;x;1984-07-30\n12;'x';1984-07-30",
    ),
    (
        "COPY people (ssn, dob, id, name) FROM STDIN (DELIMITER '|', NULL '')",
        "900-hash-1|1984-07-30|13|n\\\nm\n|1984-07-30|14|\\|\\\\\n900-hash-3|1984-07-30|15|cut\\",
    ),
    ("COPY people (id, ssn) FROM STDIN", "16\t900-hash-1\n\\.\n"),
    (
        "COPY people (id, ssn, dob) FROM STDIN (FORMAT csv, FORCE_NOT_NULL (ssn), FORCE_NULL (dob))",
        "17,,1984-07-30\n18,900-hash-1,\"\"\n",
    ),
    (
        "COPY people (id, ssn, dob) FROM STDIN WHERE id > 100",
        "19\ta\t1984-07-30\n119\t900-hash-1\t1984-07-30\n",
    ),
];

#[test]
fn rows_in_text_and_csv_have_their_hashes() {
    for piece in [1, 7, 4096] {
        let place = place();
        let mut app = place.raw("app");
        let mut twin = place.raw_twin("app");
        run(&mut twin, TABLE);
        for (sql, data) in ROWS {
            let ours = copy(&mut app, sql, data.as_bytes(), piece);
            let theirs = copy(&mut twin, sql, data.as_bytes(), piece);
            // CopyInResponse too: the client is told of its own columns
            let told = |answer: &[Message]| answer[0].body.clone();
            assert_eq!(told(&ours), told(&theirs), "{sql}");
            assert_eq!(raw::comparable(&ours), raw::comparable(&theirs), "{sql}");
            let all = "SELECT id, ssn, dob, name FROM people ORDER BY id";
            assert_eq!(
                raw::comparable(&run(&mut app, all)),
                raw::comparable(&run(&mut twin, all)),
                "{sql}"
            );
            assert_true(&mut app, sql);
        }
        assert!(tokens(&mut app).iter().flatten().count() >= 8);
        place.assert_hidden("900-hash-1");
    }
}

#[test]
fn rows_in_binary_have_their_hashes() {
    let place = place();
    let mut app = place.raw("app");
    let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    let field = |out: &mut Vec<u8>, value: Option<&[u8]>| match value {
        None => out.extend((-1_i32).to_be_bytes()),
        Some(value) => {
            out.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            out.extend(value);
        }
    };
    let dob = (-5633_i32).to_be_bytes();
    for (id, ssn, dob) in [
        (1_i32, Some(&b"900-hash-1"[..]), Some(&dob[..])),
        (2, None, Some(&dob)),
        (3, Some(b"900-hash-1"), None),
        (4, Some(b"900-hash-1"), Some(&dob)),
    ] {
        data.extend(3_i16.to_be_bytes());
        field(&mut data, Some(&id.to_be_bytes()));
        field(&mut data, ssn);
        field(&mut data, dob);
    }
    data.extend((-1_i16).to_be_bytes());
    let sql = "COPY people (id, ssn, dob) FROM STDIN (FORMAT binary)";
    for piece in [1, 1000] {
        run(&mut app, "DELETE FROM people");
        let answer = copy(&mut app, sql, &data, piece);
        assert_eq!(sqlstate(&answer), None, "{answer:?}");
        assert_eq!(answer[0].body, [1, 0, 3, 0, 1, 0, 1, 0, 1]);
        let found = tokens(&mut app);
        assert!(found[0].is_some() && found[0] == found[3]);
        assert_eq!(found[1..3], [None, None]);
        assert_true(&mut app, sql);
    }
    place.assert_hidden("900-hash-1");
}

#[test]
fn bad_rows_end_the_copy_and_leave_nothing() {
    let place = place();
    let mut app = place.raw("app");
    for (data, state) in [
        ("1\ta\t1984-07-30\textra\n", "22P04"),
        ("1\ta\n", "22P04"),
        ("1\ta\t1984-02-31\n", "22008"),
        ("x\ta\t1984-07-30\n", "22P02"),
        ("1\t123456789012\t1984-07-30\n", "22001"),
    ] {
        let sql = "COPY people (id, ssn, dob) FROM STDIN";
        let answer = copy(&mut app, sql, data.as_bytes(), 100);
        assert_eq!(sqlstate(&answer).as_deref(), Some(state), "{data}");
    }
    let header = "COPY people (id, ssn, dob) FROM STDIN (HEADER match)";
    let answer = copy(&mut app, header, b"id\tssn\tdob\tmatch\n", 100);
    assert_eq!(sqlstate(&answer).as_deref(), Some("22P04"));
    for sql in [
        "COPY people FROM STDIN",
        "COPY people (id, match) FROM STDIN",
        "COPY people (id, ssn, dob, match) FROM STDIN",
    ] {
        assert_eq!(code(&mut app, sql).as_deref(), Some("428C9"), "{sql}");
    }
    assert!(tokens(&mut app).is_empty());
}
