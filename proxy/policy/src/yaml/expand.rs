//! `${NAME}` and `${NAME:-default}` in scalar values; `$${` is a literal `${`.
//!
//! What a variable holds is text and stays text: it must never be read as YAML, and no message may quote it.

/// What became of a scalar.
pub(crate) struct Expanded {
    /// The text with every variable replaced.
    pub text: String,
    /// Names and values of the variables, in order.
    pub used: Vec<(String, String)>,
}

/// Expands one scalar. The error says what is wrong and the way out.
pub(crate) fn expand(raw: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Expanded, String> {
    let mut out = Expanded {
        text: String::with_capacity(raw.len()),
        used: Vec::new(),
    };
    let mut rest = raw;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let from = from.strip_prefix("${").unwrap_or(from);
        if let Some(before) = before.strip_suffix('$') {
            out.text.push_str(before);
            out.text.push_str("${");
            rest = from;
            continue;
        }
        out.text.push_str(before);
        let Some((inside, after)) = from.split_once('}') else {
            return Err(
                "\"${\" is not closed by \"}\" (a literal \"${\" is written \"$${\")".to_string(),
            );
        };
        let (name, value) = variable(inside, env)?;
        out.text.push_str(&value);
        out.used.push((name.to_string(), value));
        rest = after;
    }
    out.text.push_str(rest);
    Ok(out)
}

/// `NAME` or `NAME:-default`. As in the shell, the default also stands in for an empty variable.
fn variable<'a>(
    inside: &'a str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(&'a str, String), String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let well_formed = name
        .chars()
        .enumerate()
        .all(|(i, c)| c == '_' || c.is_ascii_alphabetic() || (i > 0 && c.is_ascii_digit()));
    if name.is_empty() || !well_formed {
        return Err(format!(
            "\"${{{inside}}}\" is no variable: expected ${{NAME}} or ${{NAME:-default}}"
        ));
    }
    match (env(name), default) {
        (Some(value), None) => Ok((name, value)),
        (Some(value), Some(_)) if !value.is_empty() => Ok((name, value)),
        (_, Some(default)) => Ok((name, default.to_string())),
        (None, None) => Err(format!(
            "environment variable {name} is not set (${{{name}:-…}} would give a default)"
        )),
    }
}
