//! Notes which operations the tests of a crate call, for the compatibility table. Written only when
//! `BANDMASTER_TESTED` names a folder.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Mutex, OnceLock};

/// Notes that an operation was called and did not fail.
pub fn note(operation: &str) {
    static SEEN: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    let Ok(folder) = std::env::var("BANDMASTER_TESTED") else { return };
    let mut seen = SEEN.get_or_init(Mutex::default).lock().expect("the set");
    if !seen.insert(operation.to_owned()) {
        return;
    }
    let crate_name = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let file = std::path::Path::new(&folder).join(format!("{crate_name}.tsv"));
    std::fs::create_dir_all(&folder).expect("the folder");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).expect("the file");
    writeln!(file, "{operation}\t{crate_name}").expect("a line");
}
