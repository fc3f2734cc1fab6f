//! How the user's session would resolve names: the search_path that PostgreSQL would give it at login.

use hippocrypt_sql::catalog::Names;
use std::sync::Arc;
use tokio_postgres::Client;

/// What PostgreSQL has built in.
const BUILT_IN: &str = "\"$user\", public";

/// `ALTER ROLE … IN DATABASE … SET`, `ALTER ROLE … SET`, `ALTER DATABASE … SET`, `ALTER ROLE ALL SET`: in this order.
const SETTINGS: &str = "\
SELECT setting FROM pg_catalog.pg_db_role_setting s
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase,
LATERAL unnest(s.setconfig) AS setting
WHERE setting LIKE 'search\\_path=%' AND (s.setrole = 0 OR r.rolname = $1)
  AND (s.setdatabase = 0 OR d.datname = pg_catalog.current_database())
ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1";

/// The setting at login, as far as the catalogs know it; the server's own file is not asked.
pub async fn search_path(client: &Client, user: &str) -> Result<String, tokio_postgres::Error> {
    let row = client.query_opt(SETTINGS, &[&user]).await?;
    let setting: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
    let path = setting.and_then(|s| s.strip_prefix("search_path=").map(str::to_string));
    Ok(path.unwrap_or_else(|| BUILT_IN.to_string()))
}

/// The names of a session with this search_path.
pub fn names(path: &str, user: &str) -> Names {
    let schemas = split(path).into_iter().map(|schema| match schema.as_str() {
        "$user" => Arc::from(user),
        other => Arc::from(other),
    });
    Names {
        search_path: schemas.collect(),
        temporary: Vec::new(),
        standard_conforming_strings: true,
    }
}

/// A list of identifiers as PostgreSQL splits it (varlena.c, SplitIdentifierString): unquoted ones are folded.
fn split(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut quoted = false;
    let mut chars = path.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                name.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            c if quoted => name.push(c),
            c if c.is_ascii_whitespace() => {}
            c => name.push(c.to_ascii_lowercase()),
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names
}
