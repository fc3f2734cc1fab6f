//! `hippocrypt explain`: what the proxy would do with a statement of a user, and why.
//!
//! It reads the catalog and judges. It must never send the statement, and needs no key: where a cell would
//! stand it prints ⟨cell column⟩.

mod names;
mod page;
#[cfg(test)]
mod tests;

use super::output::{Output, print, print_json};
use crate::catalog::ServiceConnection;
use crate::config::Config;
use crate::tls::Connector;
use hippocrypt_policy::Database;
use hippocrypt_sql::{Analyser, Context};
use page::Page;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What would be sent, sealed, opened, masked or refused, and why.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proxy's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The database user who would ask
    #[arg(long, value_name = "USER")]
    user: String,
    /// The database [default: the policy's, where it names one]
    #[arg(long, value_name = "DATABASE")]
    database: Option<String>,
    /// The session's search_path [default: the user's own]
    #[arg(long, value_name = "SCHEMAS")]
    search_path: Option<String>,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// One or more statements
    #[arg(value_name = "SQL")]
    sql: String,
}

/// Runs the verb. 0, whatever the verdict is: it was explained.
///
/// # Errors
/// The configuration, the server, or standard output.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let Some(name) = args.database.clone().or_else(|| only_database(&config)) else {
        eprintln!(
            "hippocrypt: the policy names several databases or none: say which with --database"
        );
        return Ok(ExitCode::from(super::USAGE));
    };
    let page = match config.policy.databases.get(name.as_str()) {
        None => Page::without_policy(&args, &name, config.policy.other_databases),
        Some(database) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(judge(&args, &config, database))?
        }
    };
    match args.output {
        Output::Text => print(&page.text())?,
        Output::Json => print_json(&page)?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn only_database(config: &Config) -> Option<String> {
    let mut names = config.policy.databases.keys();
    match (names.next(), names.next()) {
        (Some(one), None) => Some(one.to_string()),
        _ => None,
    }
}

async fn judge(args: &Args, config: &Config, database: &Arc<Database>) -> anyhow::Result<Page> {
    let stream = Connector::new(&config.upstream)?.connect().await?;
    let service = ServiceConnection::open(stream, &config.upstream.service, &database.name).await?;
    let catalog = Arc::new(service.load(0).await?);
    let path = match &args.search_path {
        Some(path) => path.clone(),
        None => names::search_path(service.client(), &args.user).await?,
    };
    let names = names::names(&path, &args.user);
    let rights = config.policy.rights(&database.name, &args.user);
    let context = Context {
        names: &names,
        rights: &rights,
        declared_params: &[],
        outside: true,
    };
    let analyser = Analyser::new(catalog, Arc::clone(database));
    let judged = analyser.analyse(&args.sql, &context);
    Ok(Page::of(args, database, &rights, &path, judged))
}
