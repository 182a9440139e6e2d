//! The compatibility table: every operation, served or not.

use crate::registry::Served;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The table as Markdown. `tested` tells in which test an operation is called.
pub fn compatibility(served: &Served, tested: &dyn Fn(&str) -> Option<String>) -> String {
    let mut by_tag: BTreeMap<&str, Vec<(String, bool, bool, String)>> = BTreeMap::new();
    for operation in served.operations() {
        let facts = &operation.facts;
        let name = format!("`{} {}`", facts.method, facts.path);
        let own = facts.versions.is_empty();
        let test = tested(&facts.id).unwrap_or_default();
        by_tag.entry(&facts.tag).or_default().push((name, operation.handler.is_some(), own, test));
    }
    let (mut done, mut all) = (0, 0);
    for rows in by_tag.values() {
        all += rows.iter().filter(|r| !r.2).count();
        done += rows.iter().filter(|r| !r.2 && r.1).count();
    }
    let mut out = String::from(
        "# Compatibility\n\nGenerated from the registry that routes requests; do not edit. \
         *served* operations work; the others answer 501. *own* marks operations that the published contract lacks: \
         some are called by real clients, some are this project's.\n\n",
    );
    // Writing into a String does not fail.
    let _ = writeln!(out, "{done} of {all} published operations are served.\n");
    for (tag, mut rows) in by_tag {
        rows.sort();
        let served = rows.iter().filter(|r| r.1).count();
        let _ =
            writeln!(out, "## {tag} ({served} of {})\n\n| operation | state | test |\n| --- | --- | --- |", rows.len());
        for (name, served, own, test) in rows {
            let state = match (served, own) {
                (true, true) => "served, own",
                (true, false) => "served",
                (false, _) => "501",
            };
            let _ = writeln!(out, "| {name} | {state} | {test} |");
        }
        out.push('\n');
    }
    out
}
