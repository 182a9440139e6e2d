//! Query options as a whole: names, numbers, limits, and the list of what a compatibility probe sends.

use crate::fixture::{JOB, options, query_of};
use bandmaster_odata::options::query_pairs;
use bandmaster_odata::{Allowed, QueryOptions};

/// What must be refused on any set that has an Id and a Name.
fn bad() -> Vec<String> {
    let mut all: Vec<String> = [
        "$filter=",
        "$filter=Id eq",
        "$filter=(Id eq 1",
        "$filter=NoSuch eq 1",
        "$filter=Id eq 'x' and",
        "$filter=Id eq 1)) or ((1 eq 1",
        "$filter=Name eq 'a' or 1=1--",
        "$filter=concat(concat(Name",
        "$filter=Id eq 99999999999999999999999",
        "$orderby=NoSuch",
        "$orderby=Id sideways",
        "$orderby=Id,Id,Id,Id,Id,Id",
        "$top=-1",
        "$top=x",
        "$top=99999999999",
        "$top=1001",
        "$top=",
        "$top=%2B5",
        "$top=1.5",
        "$skip=-1",
        "$skip=x",
        "$skip=99999999999999999999",
        "$count=maybe",
        "$count=",
        "$select=NoSuch",
        "$select=Id,NoSuch",
        "$expand=NoSuch",
        "$expand=NoSuch($expand=NoSuch)",
        "$expand=Robot($expand=NoSuch)",
        "$filter=%00",
        "$filter=Name eq '%ED%A0%80'",
        "$filter=Name eq '%FF'",
        "$search=x",
        "$apply=aggregate(Id with sum as X)",
        "$fliter=Id eq 1",
        "$filter=Id eq 1&$Filter=Id eq 2",
        "$top=1&$TOP=2",
        "filter=Id eq 1",
        "orderby=Id",
        "Top=5",
        "skip=5",
        "select=Id",
        "expand=Robot",
        "count=true",
        "$inlinecount=some",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(format!("$filter={}Id eq 1{}", "(".repeat(500), ")".repeat(500)));
    all.push(format!("$filter={}", vec!["Id eq 1"; 101].join(" or ")));
    all.push(format!("$filter=Id in ({})", vec!["1"; 2_001].join(",")));
    all.push(format!("$filter=Name eq '{}'", "x".repeat(17 * 1024)));
    all.push(format!("$filter=Name eq '{}'", "x".repeat(40 * 1024)));
    all
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    for raw in bad() {
        let error = query_of(&JOB, &raw).err().unwrap_or_else(|| panic!("accepted: {raw}"));
        assert!(!error.message.is_empty() && error.message.len() < 400, "{raw}: {error}");
    }
}

#[test]
fn what_clients_send_is_accepted() {
    for raw in [
        "",
        "&",
        "$Filter=Id eq 123",
        "$filter= Name eq 'x'",
        "%24filter=Id%20eq%201&%24top=5",
        "$filter=Name+eq+'a+b'",
        "$filter=contains(Name,'100%')",
        "$top=0&$skip=0",
        "$top=1000",
        "$COUNT=True",
        "$inlinecount=allpages",
        "$orderby=&$select=&$expand=",
        "$orderby=name desc,robot/name asc",
        "$select=*",
        "$select=Id,robot/Name,Robot,Data",
        "$expand=robot($expand=license)",
        "$expand=Robot/License",
        "$expand=Robot,Tags,Data",
        "$expand=Robot,Robot($select=Name)",
        "$format=json",
        "take=5&directory=/&searchText=x",
        "$filter=1 eq 1",
    ] {
        query_of(&JOB, raw).unwrap_or_else(|e| panic!("{raw}: {e}"));
    }
    assert!(query_of(&JOB, &format!("$filter={}", vec!["Id eq 1"; 100].join(" or "))).is_ok());
    assert!(query_of(&JOB, &format!("$filter=Id in ({})", vec!["1"; 2_000].join(","))).is_ok());
}

#[test]
fn own_parameters_may_be_named_like_options() {
    let pairs = query_pairs("top=5&Skip=2&$top=7").unwrap();
    assert!(QueryOptions::from_pairs(&pairs, Allowed::default()).is_err());
    let read = QueryOptions::from_pairs(&pairs, Allowed { own: &["top", "skip"], ..Allowed::default() }).unwrap();
    assert_eq!((read.top, read.skip), (Some(7), 0));
}

#[test]
fn the_greatest_top_is_the_operations() {
    let pairs = query_pairs("$top=101").unwrap();
    assert!(QueryOptions::from_pairs(&pairs, Allowed::default()).is_ok());
    let error = QueryOptions::from_pairs(&pairs, Allowed { max_top: 100, ..Allowed::default() }).unwrap_err();
    assert_eq!(error.name.as_deref(), Some("$top"));
    assert!(error.message.contains("above 100"), "{error}");
}

#[test]
fn queries_are_decoded_once() {
    let pairs = query_pairs("a=%2525+b&c&=x&%C3%A4=%zz%2").unwrap();
    let wanted = [("a", "%25 b"), ("c", ""), ("", "x"), ("ä", "%zz%2")];
    assert_eq!(pairs, wanted.map(|(n, v)| (n.to_owned(), v.to_owned())));
    for raw in ["a=%FF", "a=%00", "%C3=1", "a=%ED%A0%80"] {
        assert!(query_pairs(raw).is_err(), "{raw}");
    }
}

#[test]
fn numbers_and_flags_are_kept() {
    let read = options("$top=5&$skip=10&$count=false&$format= json ").unwrap();
    assert_eq!((read.top, read.skip, read.count, read.format.as_deref()), (Some(5), 10, Some(false), Some("json")));
}
