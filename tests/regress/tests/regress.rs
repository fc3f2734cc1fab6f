//! Unprotected traffic is unchanged: PostgreSQL's own suites say the same through the proxy as directly.
//!
//! Three servers run each suite: one directly, one behind a proxy whose policy names no database, one behind a proxy
//! whose policy protects a table that the suites do not have. `UPDATE_EXPECT=1` writes the lists of differences anew.

// A test that cannot be set up has failed; saying so with a panic is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)] // long runs say how far they are

mod differences;

use hippocrypt_regress::differences::Differences;
use hippocrypt_regress::server::{Policy, Server};
use hippocrypt_regress::suite::{Inputs, Outcome, Suite};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_regression_suite_says_the_same() {
    compare(Suite::Regression);
}

#[test]
fn the_isolation_tests_say_the_same() {
    compare(Suite::Isolation);
}

fn compare(suite: Suite) {
    let server = Server::start();
    let inputs = Inputs::from_environment(&server);
    let direct = inputs.run(suite, &server, server.port(), "direct");
    println!(
        "{}: PostgreSQL {}, {} of {} tests of its own schedule run; directly {} passed, {} failed",
        suite.name(),
        server.version(),
        direct.passed.len() + direct.failed.len(),
        inputs.scheduled(suite),
        direct.passed.len(),
        direct.failed.len(),
    );
    assert!(
        direct.failed.is_empty() && !direct.passed.is_empty(),
        "the suite fails without the proxy, too:\n{}\n{}",
        direct.told,
        direct.regression_diffs()
    );
    drop(server);
    let mut problems = Vec::new();
    for (policy, label) in [(Policy::None, "no-policy"), (Policy::OtherTable, "policy")] {
        let found = through_the_proxy(&inputs, suite, policy, label, &direct);
        problems.extend(found.into_iter().map(|p| format!("{label}: {p}")));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

fn through_the_proxy(
    inputs: &Inputs,
    suite: Suite,
    policy: Policy,
    label: &str,
    direct: &Outcome,
) -> Vec<String> {
    let server = Server::start();
    let (proxy, directory) = server.proxy(policy);
    let proxied = inputs.run(suite, &server, proxy.port(), label);
    let log = proxy.log();
    drop(proxy);
    let verify = Command::new(hippocrypt_e2e::proxy::binary())
        .args(["audit", "verify", "--config"])
        .arg(directory.path().join("hippocrypt.yaml"))
        .output()
        .unwrap();
    let mut problems = Vec::new();
    if !verify.status.success() {
        problems.push(format!("audit verify: {verify:?}"));
    }
    let faults = log.lines().filter(|l| l.contains("\"ERROR\""));
    problems.extend(faults.map(|l| format!("the proxy's log: {l}")));

    // retries that a plain server asks for less often
    let overtaken = |l: &&str| l.contains("overtaken by DDL") || l.contains("could not be read");
    for line in log.lines().filter(overtaken) {
        println!("    {line}");
    }

    let list = list(suite, label);
    let listed = Differences::listed(&list);
    let mut found = Differences::between(&direct.results(), &proxied.results());
    found.explain(&listed);
    println!(
        "{} {label}: {} tests passed, {} failed, {} result files differ in {} places",
        suite.name(),
        proxied.passed.len(),
        proxied.failed.len(),
        found.0.len(),
        found.0.values().map(Vec::len).sum::<usize>(),
    );
    for file in found.summary() {
        println!("    {file}");
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&list, found.text()).unwrap();
    }
    let ran = |file: &str| direct.results().join(file).exists();
    problems.extend(found.against(&Differences::listed(&list), ran));
    // a file that is the same passes where it passed directly: whatever else the driver found wrong
    let unlisted = |t: &&String| !found.0.contains_key(&format!("{t}.out"));
    let failed = proxied.failed.iter().filter(unlisted);
    problems.extend(failed.map(|t| format!("{t} failed, and its result is the same")));
    problems
}

fn list(suite: Suite, label: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("differences")
        .join(format!("{}-{label}.txt", suite.name()))
}
