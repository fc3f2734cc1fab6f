//! A whole answer of the twin as one sees it who is shown some of its columns masked: rows, and COPY in the formats that
//! the steps ask for.

use super::mask::Mask;
use super::script::Piece;
use super::types::Type;
use hippocrypt_e2e::raw::Message;

/// The signature of COPY's binary format, no flags, no extension.
pub const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Columns by place, and what each is masked by.
type Masks = [(usize, Mask, &'static Type)];

/// numeric whose scale the statement has lost.
static NUMERIC: Type = Type {
    name: "numeric",
    oid: 1700,
    array_oid: 1231,
    deterministic: false,
};

/// The twin's answer to a piece, masked where the step says so.
pub fn masked(messages: &[Message], piece: &Piece) -> Vec<Message> {
    let mut messages = messages.to_vec();
    let masks = &piece.masks;
    if masks.is_empty() {
        return messages;
    }
    let mut columns = Vec::new();
    let mut binary = false;
    for message in &mut messages {
        match message.tag {
            'T' => columns = message.columns().iter().map(|c| (c.4 == 1, c.3)).collect(),
            'D' => {
                let mut values = message.values();
                for (at, mask, ty) in masks {
                    let (binary, modifier) = columns[*at];
                    let bare = ty.oid == NUMERIC.oid && modifier == -1;
                    let ty = if bare { &NUMERIC } else { *ty };
                    values[*at] = values[*at].take().map(|v| shown(*mask, ty, &v, binary));
                }
                message.body = row(&values);
            }
            'H' => binary = message.body[0] == 1,
            'd' if binary => message.body = copied_binary(&message.body, masks),
            'd' if message.body.starts_with(b"\"") => {
                message.body = copied_csv(&message.body, masks)
            }
            'd' => message.body = copied_text(&message.body, masks),
            _ => {}
        }
    }
    messages
}

fn shown(mask: Mask, ty: &Type, value: &[u8], binary: bool) -> Vec<u8> {
    match binary {
        true => mask.binary(ty, value),
        false => mask
            .text(ty, std::str::from_utf8(value).unwrap())
            .into_bytes(),
    }
}

/// A DataRow's body; a row of COPY's binary format has the same.
fn row(values: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let length = value
            .as_ref()
            .map_or(-1, |v| i32::try_from(v.len()).unwrap());
        body.extend(length.to_be_bytes());
        body.extend(value.iter().flatten());
    }
    body
}

fn copied_binary(body: &[u8], masks: &Masks) -> Vec<u8> {
    let (head, rest) = match body.strip_prefix(COPY_HEAD) {
        Some(rest) => (COPY_HEAD, rest),
        None => (&[][..], body),
    };
    if rest.is_empty() || rest == [0xff, 0xff] {
        return body.to_vec();
    }
    let message = Message {
        tag: 'D',
        body: rest.to_vec(),
    };
    let mut values = message.values();
    for (at, mask, ty) in masks {
        values[*at] = values[*at].take().map(|v| mask.binary(ty, &v));
    }
    [head, &row(&values)].concat()
}

/// A row whose values are all in quotes; NULL is nothing.
fn copied_csv(body: &[u8], masks: &Masks) -> Vec<u8> {
    let line = std::str::from_utf8(body).expect("COPY TO in UTF8");
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.trim_end_matches('\n').chars() {
        quoted ^= c == '"';
        match c {
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    for (at, mask, ty) in masks {
        let field = &mut fields[*at];
        let value = field.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
        if let Some(value) = value.map(|v| v.replace("\"\"", "\"")) {
            *field = format!("\"{}\"", mask.text(ty, &value).replace('"', "\"\""));
        }
    }
    (fields.join(",") + "\n").into_bytes()
}

/// A row of the text format. What these values have of escapes are backslashes, tabs and line ends.
fn copied_text(body: &[u8], masks: &Masks) -> Vec<u8> {
    let line = std::str::from_utf8(body).expect("COPY TO in UTF8");
    let fields = line.trim_end_matches('\n').split('\t');
    let mut fields: Vec<String> = fields.map(str::to_owned).collect();
    for (at, mask, ty) in masks {
        if fields[*at] == "\\N" {
            continue;
        }
        let mut plain = String::new();
        let mut escaped = false;
        for c in fields[*at].chars() {
            match (escaped, c) {
                (false, '\\') => {}
                (true, 't') => plain.push('\t'),
                (true, 'n') => plain.push('\n'),
                (_, c) => plain.push(c),
            }
            escaped = c == '\\' && !escaped;
        }
        let masked = mask.text(ty, &plain).replace('\\', "\\\\");
        fields[*at] = masked.replace('\t', "\\t").replace('\n', "\\n");
    }
    (fields.join("\t") + "\n").into_bytes()
}
