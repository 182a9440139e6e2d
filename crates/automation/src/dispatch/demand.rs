//! What a waiting job wants, in one canonical text: jobs with the same text compete for the same slots, so when one
//! of them cannot be placed, none of them can.
//!
//! Only what cannot change while the job waits stands in it. What follows from the process (framework, desktop)
//! is looked up when the job is to be placed, since a waiting job takes the process's new version.

use serde_json::{Value, json};

/// What a job wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Demand {
    /// Its folder.
    pub folder: i64,
    /// Its process.
    pub release: i64,
    /// Runtime type it consumes.
    pub runtime: i64,
    /// Whether it needs a desktop, when the request said so.
    pub foreground: Option<bool>,
    /// Number of the framework, when the request said so.
    pub framework: Option<i64>,
    /// The only robots that may take it; empty: any.
    pub robots: Vec<i64>,
    /// The only machines; empty: any.
    pub machines: Vec<i64>,
    /// The only sessions; empty: any.
    pub sessions: Vec<i64>,
    /// The only host, by name.
    pub host: Option<String>,
}

impl Demand {
    /// The canonical text.
    pub fn text(&self) -> String {
        let sorted = |ids: &[i64]| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        json!([
            self.folder,
            self.release,
            self.runtime,
            self.foreground,
            self.framework,
            sorted(&self.robots),
            sorted(&self.machines),
            sorted(&self.sessions),
            self.host.as_deref().map(bandmaster_store::fold),
        ])
        .to_string()
    }

    /// Reads the canonical text; `None` for anything else.
    pub fn parse(text: &str) -> Option<Demand> {
        let value: Value = serde_json::from_str(text).ok()?;
        let parts = value.as_array().filter(|p| p.len() == 9)?;
        let ids = |i: usize| -> Option<Vec<i64>> { parts.get(i)?.as_array()?.iter().map(Value::as_i64).collect() };
        Some(Demand {
            folder: parts.first()?.as_i64()?,
            release: parts.get(1)?.as_i64()?,
            runtime: parts.get(2)?.as_i64()?,
            foreground: parts.get(3)?.as_bool(),
            framework: parts.get(4)?.as_i64(),
            robots: ids(5)?,
            machines: ids(6)?,
            sessions: ids(7)?,
            host: parts.get(8)?.as_str().map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_back_and_is_canonical(
            folder in any::<i64>(), release in any::<i64>(), runtime in 0i64..20,
            foreground in any::<Option<bool>>(), framework in proptest::option::of(0i64..3),
            mut robots in proptest::collection::vec(any::<i64>(), 0..5), host in proptest::option::of("[A-Z\"\\\\a-z ]{0,9}"),
        ) {
            let demand = Demand {
                folder, release, runtime, foreground, framework, robots: robots.clone(), host: host.clone(),
                ..Demand::default()
            };
            let text = demand.text();
            let read = Demand::parse(&text).unwrap();
            prop_assert_eq!(read.text(), text.clone());
            robots.reverse();
            let upper = host.map(|h| h.to_uppercase());
            let other = Demand { robots, host: upper, ..demand };
            prop_assert_eq!(other.text(), text);
        }

        #[test]
        fn nonsense_is_no_demand(text in "\\PC{0,40}") {
            let _ = Demand::parse(&text);
        }
    }
}
