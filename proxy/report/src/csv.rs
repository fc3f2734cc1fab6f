//! CSV as RFC 4180 has it, safe to open in a spreadsheet.
//!
//! A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return would be run as a formula there: it gets a
//! quote mark before it, which a spreadsheet shows as text. Names come from clients, so none may slip through.

/// One row, with its line end.
pub fn row<T: AsRef<str>>(out: &mut String, cells: impl IntoIterator<Item = T>) {
    for (n, cell) in cells.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        self::cell(out, cell.as_ref());
    }
    out.push_str("\r\n");
}

fn cell(out: &mut String, text: &str) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_plain = !is_formula && !text.contains([',', '"', '\n', '\r']);
    if is_plain {
        out.push_str(text);
        return;
    }
    out.push('"');
    if is_formula {
        out.push('\'');
    }
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::row;

    fn written(cell: &str) -> String {
        let mut out = String::new();
        row(&mut out, [cell]);
        out.strip_suffix("\r\n").unwrap_or_default().to_owned()
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for (cell, is) in [
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("a=1", "a=1"),
            ("1,2", "\"1,2\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("", ""),
        ] {
            assert_eq!(written(cell), is, "{cell:?}");
        }
    }
}
