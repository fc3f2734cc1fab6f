//! The objects the proxy needs in a policy database: schema `hippocrypt` and the domain `hippocrypt.cell`.
//!
//! It must never replace an object of that name that is not ours: what stands there and differs is an error.

use super::service::{abandon, words};
use super::snapshot::RACES;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// What the domain's CHECK must say; docs/formats/cell.md, "In the database".
const CHECK: &str = "VALUE IS NULL OR (octet_length(VALUE) >= 59 AND substring(VALUE FROM 1 FOR 2) = '\\xf5e1'::bytea \
AND get_byte(VALUE, 2) IN (1, 2, 4))";

/// Why the objects are not there.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The service role may not create them.
    #[error(
        "database {database:?}: role {user:?} may not create the cell type. Run as a superuser or the database's owner:\n\n{sql}\n"
    )]
    Privilege {
        /// The database.
        database: String,
        /// The service role.
        user: String,
        /// What the DBA is to run.
        sql: String,
    },
    /// The server said no for another reason.
    #[error(
        "database {database:?}: the cell type cannot be created: {}",
        words(error)
    )]
    Server {
        /// The database.
        database: String,
        /// What the server said.
        error: tokio_postgres::Error,
    },
    /// `hippocrypt.cell` exists and is something else.
    #[error(
        "database {database:?}: the type hippocrypt.cell exists, but is not a domain over bytea with the check of a cell; it was not made by hippocrypt"
    )]
    Foreign {
        /// The database.
        database: String,
    },
}

/// Makes what is missing. `database` and `user` are for messages.
pub(super) async fn install(
    client: &Client,
    database: &str,
    user: &str,
) -> Result<(), InstallError> {
    let server = |error| InstallError::Server {
        database: database.to_owned(),
        error,
    };
    let mut races = 0;
    loop {
        match existing(client).await.map_err(server)? {
            Some(checks) if is_ours(&checks) => return Ok(()),
            Some(_) => {
                let database = database.to_owned();
                return Err(InstallError::Foreign { database });
            }
            None => {}
        }
        let Err(error) = client.batch_execute(&sql()).await else {
            return Ok(());
        };
        abandon(client).await;
        if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return Err(InstallError::Privilege {
                database: database.to_owned(),
                user: user.to_owned(),
                sql: sql(),
            });
        }
        if races == RACES || !is_race(&error) {
            return Err(server(error));
        }
        races += 1;
    }
}

/// Whether another proxy makes the same at this moment. XX000: both grant the right to the schema.
fn is_race(error: &tokio_postgres::Error) -> bool {
    [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_OBJECT,
        SqlState::DUPLICATE_SCHEMA,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::INTERNAL_ERROR,
    ]
    .iter()
    .any(|code| error.code() == Some(code))
}

/// Whether these are the domain's one CHECK. The server prints it with its own parentheses, `IN` as
/// `= ANY (ARRAY[…])`, and `substring` in one of two ways (`FROM … FOR` since PostgreSQL 14).
fn is_ours(checks: &[String]) -> bool {
    const OURS: [&str; 2] = [
        "checkvalueisnulloroctet_lengthvalue>=59andsubstringvaluefrom1for2='\\xf5e1'::byteaandget_bytevalue,2=anyarray[1,2,4]",
        "checkvalueisnulloroctet_lengthvalue>=59andsubstringvalue,1,2='\\xf5e1'::byteaandget_bytevalue,2=anyarray[1,2,4]",
    ];
    let [check] = checks else { return false };
    let bare: String = check
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    OURS.contains(&bare.as_str())
}

/// The CHECKs of the domain that is there; none where something else bears its name.
async fn existing(client: &Client) -> Result<Option<Vec<String>>, tokio_postgres::Error> {
    let row = client
        .query_opt(
            "SELECT CASE WHEN t.typtype = 'd' AND t.typbasetype = 17 THEN \
             ARRAY(SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.contypid = t.oid) \
             ELSE '{}' END \
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
             WHERE n.nspname = 'hippocrypt' AND t.typname = 'cell'",
            &[],
        )
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}

fn sql() -> String {
    format!(
        "BEGIN;\n\
         CREATE SCHEMA IF NOT EXISTS hippocrypt;\n\
         GRANT USAGE ON SCHEMA hippocrypt TO PUBLIC;\n\
         CREATE DOMAIN hippocrypt.cell AS bytea CHECK ({CHECK});\n\
         COMMENT ON DOMAIN hippocrypt.cell IS 'ciphertext of one value; written and read by hippocrypt';\n\
         COMMIT;"
    )
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    /// As PostgreSQL 15 prints it.
    const PRINTED: &str = "CHECK (((VALUE IS NULL) OR ((octet_length(VALUE) >= 59) AND \
        (SUBSTRING(VALUE FROM 1 FOR 2) = '\\xf5e1'::bytea) AND (get_byte(VALUE, 2) = ANY (ARRAY[1, 2, 4])))))";

    #[test]
    fn only_the_whole_check_is_ours() {
        let one = |check: &str| is_ours(&[check.to_owned()]);
        assert!(one(PRINTED));
        assert!(one(&PRINTED.replace(
            "SUBSTRING(VALUE FROM 1 FOR 2)",
            "\"substring\"(VALUE, 1, 2)"
        )));
        assert!(!one(&PRINTED.replace("1, 2, 4", "1, 2, 3, 4")));
        assert!(!one(&PRINTED.replace("IS NULL", "IS NOT NULL")));
        assert!(!one(
            "CHECK ((octet_length(VALUE) >= 59) OR (VALUE = '\\xf5e1'::bytea))"
        ));
        assert!(!is_ours(&[]));
        assert!(!is_ours(&[PRINTED.to_owned(), PRINTED.to_owned()]));
    }
}
