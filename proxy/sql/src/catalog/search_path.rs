//! `search_path` as a list of schemas. It must never read a value otherwise than the server does.

use super::Names;
use std::sync::Arc;

impl Names {
    /// The effective path of a `search_path` value: a list of identifiers as `SplitIdentifierString`
    /// (src/backend/utils/adt/varlena.c) reads it, with `$user` replaced.
    pub fn path(value: &str, user: &str) -> Vec<Arc<str>> {
        let mut path = Vec::new();
        let mut rest = value.trim_start();
        while !rest.is_empty() {
            let name = match rest.strip_prefix('"') {
                Some(quoted) => quoted_name(quoted, &mut rest),
                None => {
                    let end = rest
                        .find(|c: char| c == ',' || c.is_whitespace())
                        .unwrap_or(rest.len());
                    let (name, tail) = rest.split_at(end);
                    rest = tail;
                    name.to_ascii_lowercase()
                }
            };
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            match name.as_str() {
                "" => {}
                "$user" => path.push(Arc::from(user)),
                name => path.push(Arc::from(name)),
            }
        }
        path
    }
}

fn quoted_name<'a>(quoted: &'a str, rest: &mut &'a str) -> String {
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            *rest = quoted.get(at + 1..).unwrap_or("");
            return name;
        }
    }
    *rest = "";
    name
}

#[cfg(test)]
mod tests {
    use super::Names;

    fn path(value: &str) -> Vec<String> {
        Names::path(value, "app")
            .iter()
            .map(|s| s.to_string())
            .collect()
    }

    #[test]
    fn a_path_is_read_as_postgresql_reads_it() {
        assert_eq!(path(r#""$user", public"#), ["app", "public"]);
        assert_eq!(path("$user,Public"), ["app", "public"]);
        assert_eq!(path(r#""Odd, ""name""",x"#), [r#"Odd, "name""#, "x"]);
        assert_eq!(path(""), [""; 0]);
        assert_eq!(path(r#""""#), [""; 0]);
    }
}
