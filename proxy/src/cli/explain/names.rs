//! How the user's session would resolve names: the search_path that PostgreSQL would give it at login.

use hippocrypt_sql::catalog::Names;
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
    Names {
        search_path: Names::path(path, user),
        temporary: Vec::new(),
        standard_conforming_strings: true,
        ..Names::default()
    }
}
