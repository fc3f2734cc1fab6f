//! What clients send to COPY patients (id, name, dob) FROM STDIN: rows, and what is almost a row.

/// (options, data)
pub const INPUTS: &[(&str, &str)] = &[
    // text
    ("", ""),
    ("", "1\tKinkajou\t1980-01-02\n"),
    ("", "1\tKinkajou\t1980-01-02"),
    ("", "1\tKinkajou\t1980-01-02\r\n2\t\\N\t\\N\r\n"),
    ("", "1\tKinkajou\t1980-01-02\r2\tx\t\\N\r"),
    ("", "1\tKinkajou\t1980-01-02\n2\tx\t\\N\r\n"),
    ("", "1\tKinkajou\t1980-01-02\r\n2\tx\t\\N\n"),
    ("", "1\tKinkajou\t1980-01-02\r2\tx\t\\N\n"),
    ("", "1\tKin\rkajou\t1980-01-02\n"),
    ("", "1\tone\t\\N\n2\tKin\rkajou\t1980-01-02\n"),
    ("", "1\tKin\\\nkajou\t1980-01-02\n"),
    ("", "1\tKin\\\r\nkajou\t1980-01-02\r\n"),
    ("", "1\tone\t\\N\r\n2\tKin\\\r\\\nkajou\t1980-01-02\r\n"),
    ("", "1\tKin\\tka\\jou\\\\\\b\\f\\v\\n\\r\t1980-01-02\n"),
    (
        "",
        "1\t\\113inkajou\\7\\1011\\x4b\\x4B\\x4bb\\xg\\x\t1980-01-02\n",
    ),
    ("", "1\tK\\\tinkajou\t1980-01-02\n"),
    ("", "1\tKinkajou\\0\t1980-01-02\n"),
    ("", "1\tKinkajou\\x00\t1980-01-02\n"),
    ("", "1\tKinkajou\\303\\251\t1980-01-02\n"),
    ("", "1\tKinkajou\\351\t1980-01-02\n"),
    ("", "1\tKinkajou\\400\\777\t\\N\n"),
    ("", "1\tKinkajou\n"),
    ("", "1\tKinkajou\t1980-01-02\textra\n"),
    ("", "\n"),
    ("", "1\tKinkajou\t1980-01-02\n\n"),
    ("", "1\tKinkajou\t2023-13-01\n"),
    ("", "1\tKinkajou\t2023-02-30\n"),
    ("", "1\tKinkajou\t\n"),
    ("", "x\tKinkajou\t1980-01-02\n"),
    ("", "1\t\\N\t1980-01-02\n"),
    ("", "1\tN\\N\t\\N\n"),
    ("", "1\tKinkajou\t\\N\n1\tKinkajou\t\\N\n"),
    ("", "1\tKinkajou\t1980-01-02\n\\.\n"),
    ("", "1\tKinkajou\t1980-01-02\n\\.\nKinkajou is not read\n"),
    ("", "1\tKinkajou\t1980-01-02\n\\."),
    ("", "1\tKinkajou\t1980-01-02\n\\.x\n"),
    ("", "1\tKinkajou\t1980-01-02\n\\.\r\n"),
    ("", "1\tKinkajou\t1980-01-02\r\n\\.\r\n"),
    ("", "1\tKinkajou\t1980-01-02\r\n\\.\n"),
    ("", "1\tKinkajou\t1980-01-02\r\\.\r"),
    ("", "\\.\n"),
    ("", "1\tKin\\\\.kajou\t1980-01-02\n"),
    ("", "1\tKinkajou\t1980-01-02\\"),
    ("", "1\tKinkajou\\"),
    ("", "1\tKinkajou\t\\N\\"),
    ("(NULL '')", "1\tKinkajou\t\n"),
    ("(NULL '')", "1\t\t1980-01-02\n"),
    ("(NULL 'K')", "1\tK\tK\n"),
    ("(NULL 'K')", "1\t\\K\tK\n"),
    ("(DELIMITER ',', NULL 'x')", "1,Kin\\,kajou,x\n"),
    ("(DELIMITER ' ')", "1 Kinkajou 1980-01-02\n"),
    ("(HEADER)", "Kinkajou\n1\tKinkajou\t1980-01-02\n"),
    ("(HEADER)", ""),
    ("(HEADER)", "id\tname\tKinkajou"),
    ("(HEADER)", "id\\\nname\n1\tKinkajou\t\\N\n"),
    ("(HEADER match)", "id\tname\tdob\r\n1\tKinkajou\t\\N\r\n"),
    ("(HEADER match)", "id\tname\tKinkajou\n1\tKinkajou\t\\N\n"),
    ("(HEADER match)", "id\tname\n1\tKinkajou\t\\N\n"),
    ("(HEADER match)", "id\t\\N\tdob\n1\tKinkajou\t\\N\n"),
    ("(HEADER match)", "\\151d\tname\tdob\n1\tKinkajou\t\\N\n"),
    ("(HEADER match)", ""),
    ("(HEADER match)", "id\tname\tdob"),
    // CSV
    ("CSV", ""),
    ("CSV", "1,Kinkajou,1980-01-02\n"),
    ("CSV", "1,\"Kin\"\"kajou\",\"1980-01-02\""),
    ("CSV", "1,\"Kin,\nka\r\njou\",\n"),
    ("CSV", "1,\"Kin\njou\",\r\n2,\"a\rb\",\r\n"),
    ("CSV", "1,Kin\"ka\"jou\"\",\n"),
    ("CSV", "1,\"Kin\"kajou,\n"),
    ("CSV", "1,\"Kinkajou,\n"),
    ("CSV", "1,Kinkajou\",\n"),
    ("CSV", "1,,\n"),
    ("CSV", "1,\"\",\n"),
    ("CSV", "1,\"\",\"\"\n"),
    ("CSV", "1,Kin\rkajou,\n"),
    ("CSV", "1,one,\n2,Kin\rkajou,\n"),
    ("CSV", "1,one,\r\n2,Kin\nkajou,\r\n"),
    ("CSV", "1,one,\r2,Kin\nkajou,\r"),
    ("CSV", "1,Kinkajou\n"),
    ("CSV", "1,Kinkajou,,\n"),
    ("CSV", "\n"),
    ("CSV", "1,Kinkajou,\n\\.\n"),
    ("CSV", "1,Kinkajou,\n\\.\nKinkajou is not read"),
    ("CSV", "1,Kinkajou,\n\\.x"),
    ("", "x\tKinkajou\t2023-13-01\n"),
    (
        "",
        "1\tKinkajou\t\\N\nx\tKinkajou\t\\N\n2\tKinkajou\t2023-13-01\n",
    ),
    ("CSV", "x,Kinkajou,2023-13-01"),
    ("CSV", "x,Kinkajou"),
    ("CSV", "1,Kinkajou,\n\\.,x,\n"),
    ("CSV", "1,Kinkajou,\r\n\\.\r\n"),
    ("CSV", "1,Kinkajou,\r\n\\.\n"),
    ("CSV", "1,Kinkajou,\n\\.\r\n"),
    ("CSV", "1,\"Kinkajou\n\\.\n\",\n"),
    ("CSV", "1,\\.,\n"),
    ("CSV", "1, Kinkajou , 1980-01-02 \n"),
    ("CSV", "1,Kinkajou,2023-02-30\n"),
    ("(FORMAT csv, ESCAPE '\\')", "1,\"Kin\\\"ka\\\\jou\\x\",\n"),
    ("(FORMAT csv, ESCAPE '\\')", "1,Kin\\\"kajou\\\",\n"),
    (
        "(FORMAT csv, ESCAPE '\\')",
        "1,\"Kinkajou\\\\\",\n2,\"\\\"\",\n",
    ),
    (
        "(FORMAT csv, QUOTE '''', DELIMITER ';')",
        "1;'Kin''ka;jou';\n",
    ),
    ("(FORMAT csv, QUOTE 'x', ESCAPE 'e')", "1,xKinexkajoux,\n"),
    ("(FORMAT csv, NULL 'NULL')", "1,\"NULL\",NULL\n"),
    ("(FORMAT csv, NULL 'NULL')", "1,NULL,NULL\n"),
    (
        "(FORMAT csv, NULL 'NULL', FORCE_NULL (name))",
        "1,\"NULL\",NULL\n",
    ),
    (
        "(FORMAT csv, NULL 'NULL', FORCE_NOT_NULL (name))",
        "1,NULL,\"1980-01-02\"\n",
    ),
    (
        "(FORMAT csv, NULL 'NULL', FORCE_NULL (dob), FORCE_NOT_NULL (name))",
        "1,NULL,\"NULL\"\n",
    ),
    (
        "(FORMAT csv, FORCE_NOT_NULL (name), FORCE_NULL (name))",
        "1,,\n",
    ),
    (
        "(FORMAT csv, FORCE_NOT_NULL (name), FORCE_NULL (name))",
        "1,\"\",\n",
    ),
    ("(FORMAT csv, FORCE_NULL (dob))", "1,Kinkajou,\"\"\n"),
    ("(FORMAT csv, FORCE_NOT_NULL (dob))", "1,Kinkajou,\n"),
    (
        "(FORMAT csv, HEADER)",
        "\"Kinkajou\nand\",more\n1,Kinkajou,\n",
    ),
    (
        "(FORMAT csv, HEADER match)",
        "id,\"name\",dob\n1,Kinkajou,\n",
    ),
    ("(FORMAT csv, HEADER match)", "id,NAME,dob\n1,Kinkajou,\n"),
    ("(FORMAT csv, HEADER match)", "id,,dob\n1,Kinkajou,\n"),
    ("(FORMAT csv, HEADER match)", "id,\"na\n1,Kinkajou,\n"),
];

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

fn file(flags: u32, extension: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let length = u32::try_from(extension.len()).unwrap();
    let head = [
        SIGNATURE,
        &flags.to_be_bytes(),
        &length.to_be_bytes(),
        extension,
    ];
    [head.concat(), rest.concat()].concat()
}

fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut row = u16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for field in fields {
        match field {
            None => row.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                row.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                row.extend(*value);
            }
        }
    }
    row
}

/// Binary data.
pub fn binary() -> Vec<Vec<u8>> {
    let one = row(&[Some(&[0, 0, 0, 1]), Some(b"Kinkajou"), Some(&[0, 0, 0, 9])]);
    let two = row(&[Some(&[0, 0, 0, 2]), Some("Zoë Kinkajou".as_bytes()), None]);
    let end: &[u8] = &[0xff, 0xff];
    vec![
        file(0, b"", &[&one, &two, end]),
        file(0, b"", &[&one, &two]),
        file(0, b"extension", &[&one, end]),
        file(7, b"", &[&one, end]),
        file(1 << 16, b"", &[&one, end]),
        file(1 << 17, b"", &[&one, end]),
        file(0, b"", &[end]),
        file(0, b"", &[]),
        file(0, b"", &[&one, end, b"Kinkajou"]),
        file(0, b"", &[&one, &one[..one.len() - 1]]),
        file(0, b"", &[&one, &one[..1]]),
        file(
            0,
            b"",
            &[&row(&[Some(&[0, 0, 0, 1]), Some(b"Kinkajou")]), end],
        ),
        file(
            0,
            b"",
            &[
                &row(&[Some(&[0, 0, 0, 1]), Some(b"Kinkajou"), None, None]),
                end,
            ],
        ),
        file(0, b"", &[&row(&[Some(&[0, 0, 0, 1]), None, None]), end]),
        file(
            0,
            b"",
            &[
                &row(&[Some(&[0, 0, 0, 1]), Some(b"Kinkajou"), Some(&[0, 0, 9])]),
                end,
            ],
        ),
        file(
            0,
            b"",
            &[
                &row(&[Some(&[0, 0, 0, 1]), Some(b"Kinkajou\xff"), None]),
                end,
            ],
        ),
        file(
            0,
            b"",
            &[&row(&[Some(&[0, 0, 0, 1]), Some(b"Kin\0kajou"), None]), end],
        ),
        file(
            0,
            b"",
            &[&[0, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe], end],
        ),
        SIGNATURE.to_vec(),
        SIGNATURE[..5].to_vec(),
        b"1\tKinkajou\t1980-01-02\n".to_vec(),
        Vec::new(),
    ]
}
