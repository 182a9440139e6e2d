//! Tests of versions: tables of the order and the refusals, and the laws over generated ones.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::Version;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Every version is lower than all that follow it.
const ASCENDING: &[&str] = &[
    "0",
    "0.0.1.dev2",
    "0.0.1.dev10",
    "0.0.1a1.dev1",
    "0.0.1a1",
    "0.0.1a1.post1",
    "0.0.1a2",
    "0.0.1b1",
    "0.0.1rc1",
    "0.0.1rc2",
    "0.0.1rc10",
    "0.0.1",
    "0.0.1.post1.dev1",
    "0.0.1.post1",
    "0.0.1.post2",
    "0.1",
    "1.0.0-1",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-99999999999999999999999999999999",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-alpha-x",
    "1.0.0-alpha1",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0-rc1",
    "1.0.0",
    "1.0.0.1-beta",
    "1.0.0.1",
    "1.0.1",
    "1.0.9",
    "1.0.10",
    "1.0.233501084",
    "1.0.18446744073709551615",
    "1.2",
    "1.10",
    "2",
    "10.0",
];

#[test]
fn the_order() {
    for (i, a) in ASCENDING.iter().enumerate() {
        for (j, b) in ASCENDING.iter().enumerate() {
            let (x, y) = (version(a), version(b));
            assert_eq!(x.cmp(&y), i.cmp(&j), "{a} against {b}");
            assert_eq!(x.sort_key().cmp(&y.sort_key()), i.cmp(&j), "keys of {a}, {b}");
            assert_eq!(x.normalized() == y.normalized(), i == j, "{a}, {b}");
        }
    }
}

#[test]
fn equal_spellings_and_their_normal_form() {
    for (texts, normal) in [
        (&["1", "1.0", "1.0.0", "1.0.0.0", "v1.0", "01.00", "1.0.0+build.7"][..], "1.0.0"),
        (&["1.2.3.4", "1.2.3.04+x"], "1.2.3.4"),
        (&["1.0.0-Beta.01", "1.0-beta.1", "1.0.0.0-BETA.1+z"], "1.0.0-beta.1"),
        (&["1.0.0-0", "1.0.0-000"], "1.0.0-0"),
        (&["1.0.0rc1", "1.0rc1", "1.0.RC.1", "1.0c1", "1.0_preview-1", "1.0pre1"], "1.0.0rc1"),
        (&["1.0a", "1.0a0", "1.0.alpha", "1.0ALPHA0"], "1.0.0a0"),
        (&["0.0.1.dev3", "0.0.1dev3", "0.0.1_dev_3", "0.0.1.DEV3"], "0.0.1.dev3"),
        (&["1.post2", "1.0.rev2", "1.0r2", "1.0.post2+cu118"], "1.0.0.post2"),
        (&["1.0b2.post3.dev4", "1.0beta2post3dev4"], "1.0.0b2.post3.dev4"),
    ] {
        for text in texts {
            let found = version(text);
            assert_eq!(found.normalized(), normal, "{text}");
            assert_eq!(found, version(normal), "{text}");
            assert_eq!(found.sort_key(), version(normal).sort_key(), "{text}");
            assert_eq!(found.to_string(), *text);
        }
    }
}

#[test]
fn python_and_semver_suffixes_stay_apart() {
    for (a, b) in [("1.0.0rc1", "1.0.0-rc.1"), ("1.0.0rc1", "1.0.0-rc1"), ("1.0.dev1", "1.0-dev1")] {
        assert_ne!(version(a), version(b));
        assert_ne!(version(a).normalized(), version(b).normalized());
    }
}

#[test]
fn pre_releases_are_known() {
    for text in ["1.0-x", "1.0rc1", "1.0.dev1", "1.0.post1.dev1", "1.0a1.post1"] {
        assert!(version(text).is_prerelease(), "{text}");
    }
    for text in ["1.0", "1.0.0.1", "1.0.post1", "1.0+x-y"] {
        assert!(!version(text).is_prerelease(), "{text}");
    }
}

#[test]
fn refusals() {
    let long = format!("1.0.0-{}", "a".repeat(45));
    for text in [
        "",
        " ",
        "a",
        ".1",
        "1.",
        "1..0",
        "1.0.0.0.0",
        "-1",
        "1.0.0-",
        "1.0.0-a..b",
        "1.0.0-a_b",
        "1.0.0-é",
        "1.0.0+",
        "1.0.0+a b",
        "1.0.0+a+b",
        "1.0 .0",
        "1.0.0foo",
        "1.0.0rc1rc2",
        "1.0.dev1.post1",
        "1.0.post1.post2",
        "1.0.post1rc1",
        "1.0.0.",
        "1!1.0",
        "1.0:2",
        "1.0/2",
        "18446744073709551616",
        "1.0.dev18446744073709551616",
        "1,0",
        "*",
        "[1.0]",
        &long,
    ] {
        assert!(Version::parse(text).is_err(), "{text:?} was accepted");
    }
    assert!(Version::parse(&long[..50]).is_ok());
}

/// Texts that are versions more often than not, and close to each other.
fn texts() -> impl Strategy<Value = String> {
    let release = "(0|1|2|9|10|11)(\\.(0|1|10)){0,3}";
    let semver = "-(a|b|rc|1|2|10|01|a1|a-b|Z)(\\.(a|1|2|10|x-)){0,2}";
    let python = "((a|b|rc)[0-2]?)?(\\.post[0-2])?(\\.dev[0-2])?";
    (release, prop_oneof![Just(String::new()), semver, python], "(\\+x)?").prop_map(|(a, b, c)| format!("{a}{b}{c}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn keys_and_order_agree(a in texts(), b in texts(), c in texts()) {
        let (x, y, z) = (version(&a), version(&b), version(&c));
        let order = x.cmp(&y);
        prop_assert_eq!(order, x.sort_key().as_bytes().cmp(y.sort_key().as_bytes()));
        prop_assert_eq!(order, y.cmp(&x).reverse());
        prop_assert_eq!(order == Ordering::Equal, x == y);
        prop_assert_eq!(x == y, x.normalized() == y.normalized());
        if x <= y && y <= z {
            prop_assert!(x <= z);
        }
        prop_assert_eq!(&x, &version(&x.normalized()));
        prop_assert!(x.sort_key().len() <= 200);
        prop_assert!(x.sort_key().bytes().all(|b| b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'!' | b'@')));
    }

    #[test]
    fn never_panics(text in any::<String>(), close in "[0-9v.+_\\-adeoprst]{0,60}") {
        let _ = Version::parse(&text);
        if let Ok(found) = Version::parse(&close) {
            prop_assert!(found.sort_key().len() <= 200);
            let _ = found.normalized();
        }
    }
}
