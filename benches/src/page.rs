//! Tables in a page of prose, each between two marks that Markdown does not show.

/// The page with this table in place of the one between the marks of that name; `None` where the page has no such marks.
pub fn with_table(page: &str, name: &str, table: &str) -> Option<String> {
    let begin = format!("<!-- {name}: ./run bench writes this -->");
    let end = format!("<!-- end of {name} -->");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!(
        "{before}{begin}\n\n{}\n\n{end}{after}",
        table.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::with_table;

    #[test]
    fn only_what_is_between_the_marks_is_written() {
        let page = "a\n<!-- tls: ./run bench writes this -->\nold\n<!-- end of tls -->\nb\n";
        let new = with_table(page, "tls", "| 1 |\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- tls: ./run bench writes this -->\n\n| 1 |\n\n<!-- end of tls -->\nb\n"
        );
        assert_eq!(with_table(&new, "tls", "| 1 |"), Some(new.clone()));
        assert_eq!(with_table(&new, "bank", "| 1 |"), None);
    }
}
