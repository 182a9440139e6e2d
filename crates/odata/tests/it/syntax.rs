//! Syntax trees: what is read, what is refused, that printing and reading agree, and that reading is linear.

use crate::fixture::options;
use bandmaster_odata::syntax::{Expr, Filter, Literal, Name, Node, Operator, Position};
use bandmaster_odata::{Allowed, QueryOptions};
use proptest::prelude::*;
use std::time::Instant;

fn read(text: &str) -> Result<Filter, bandmaster_odata::ODataError> {
    let pairs = [("$filter".to_owned(), text.to_owned())];
    QueryOptions::from_pairs(&pairs, Allowed::default()).map(|o| o.filter.unwrap().tree)
}

#[test]
fn reads_what_real_clients_send() {
    // Each with the form in which it is printed again.
    for (text, printed) in [
        ("Id eq 1", "Id eq 1"),
        (" ProcessKey eq 'x' ", "ProcessKey eq 'x'"),
        ("Id eq 5L", "Id eq 5"),
        ("Id EQ 5 AND Name NE Null", "Id eq 5 and Name ne null"),
        ("Name eq'x'", "Name eq 'x'"),
        ("Name eq 'it''s'", "Name eq 'it''s'"),
        ("Robot/Id eq 749", "Robot/Id eq 749"),
        ("Robot/License/Slots gt 1.5", "Robot/License/Slots gt 1.5"),
        ("Score lt -1e3", "Score lt -1000.0"),
        ("Score lt 2d or Score gt 3M", "Score lt 2.0 or Score gt 3.0"),
        ("Key eq 8066C309-cef8-4b47-9163-b273fc14cc43", "Key eq 8066c309-cef8-4b47-9163-b273fc14cc43"),
        ("Key eq f066c309-cef8-4b47-9163-b273fc14cc43", "Key eq f066c309-cef8-4b47-9163-b273fc14cc43"),
        ("Key eq guid'8066c309-cef8-4b47-9163-b273fc14cc43'", "Key eq 8066c309-cef8-4b47-9163-b273fc14cc43"),
        ("Key in ('a','b')", "Key in ('a','b')"),
        ("State in ('Pending', 'Running') and Id in (1,2)", "State in ('Pending','Running') and Id in (1,2)"),
        ("startswith(Name,'x') eq false", "startswith(Name,'x') eq false"),
        ("contains(tolower(Name), tolower('x'))", "contains(tolower(Name),tolower('x'))"),
        ("substringof('x',Name) eq true", "substringof('x',Name) eq true"),
        ("Started ge 2026-01-05T08:00:03.4Z", "Started ge 2026-01-05T08:00:03.4Z"),
        ("Started ge 2026-01-05T10:00:00+02:00", "Started ge 2026-01-05T08:00:00Z"),
        ("Started ge 2026-01-05T10:00:00 02:00 and Id eq 1", "Started ge 2026-01-05T08:00:00Z and Id eq 1"),
        ("Started ge 2026-01-05 and Id eq 1", "Started ge 2026-01-05 and Id eq 1"),
        ("Started ge datetime'2026-01-05T08:00:00'", "Started ge 2026-01-05T08:00:00Z"),
        ("State eq UiPath.Server.JobState'Faulted'", "State eq UiPath.Server.JobState'Faulted'"),
        ("not Enabled", "not (Enabled)"),
        ("not (Id eq 1) and Enabled", "not (Id eq 1) and Enabled"),
        ("not not Enabled", "not (not (Enabled))"),
        ("a eq 1 or b eq 2 and c eq 3", "a eq 1 or b eq 2 and c eq 3"),
        ("(a eq 1 or b eq 2) and c eq 3", "(a eq 1 or b eq 2) and c eq 3"),
        ("((a eq 1))", "a eq 1"),
        ("(a eq 1) eq true", "(a eq 1) eq true"),
        ("Tags/any(t: t/Weight gt 5)", "Tags/any(t:t/Weight gt 5)"),
        ("Tags/any()", "Tags/any()"),
        ("Robot/Jobs/all(j: j/Tags/any(t:t/Id eq j/Id))", "Robot/Jobs/all(j:j/Tags/any(t:t/Id eq j/Id))"),
        ("$it/Name eq null", "$it/Name eq null"),
        ("true", "true"),
        ("1 eq 1", "1 eq 1"),
        ("Größe eq 'ä'", "Größe eq 'ä'"),
        ("null/Name eq 1", "null/Name eq 1"),
    ] {
        let tree = read(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(tree.to_string(), printed, "{text}");
        assert_eq!(read(printed).unwrap(), tree);
    }
}

#[test]
fn refuses_with_the_place() {
    for (text, position, part) in [
        ("", Some(0), "empty"),
        ("   ", Some(3), "empty"),
        ("Id eq", Some(5), "the text ends"),
        ("(Id eq 1", Some(8), "')'"),
        ("Id eq 1)", Some(7), "an operator"),
        ("Id eq 1)) or ((1 eq 1", Some(7), "an operator"),
        ("Id eq 1 or 1=1--", Some(12), "'='"),
        ("Name eq 'a' or 1=1--", Some(16), "'='"),
        ("Id = 1", Some(3), "'='"),
        ("Id eq 'x' and", Some(13), "the text ends"),
        ("concat(concat(Name", Some(18), "')'"),
        ("Id eq 99999999999999999999999", Some(6), "out of range"),
        ("Id eq 1e999", Some(6), "out of range"),
        ("Id eq 1x", Some(6), "not a value"),
        ("Name eq 'abc", Some(8), "does not end"),
        ("Name eq \"abc\"", Some(8), "no meaning"),
        ("Id add 1 eq 2", Some(3), "not supported"),
        ("Flags has Ns.F'X'", Some(6), "not supported"),
        ("Id eq -Id", Some(6), "in front of a number"),
        ("Id in ()", Some(7), "a value"),
        ("Id in (1", Some(8), "')'"),
        ("Id in (Name)", Some(7), "a value"),
        ("Id in 1", Some(6), "'('"),
        ("Tags/some(t:t)", Some(5), "any and all"),
        ("Tags/any(t)", Some(10), "':'"),
        ("Tags/all()", Some(9), "a name"),
        ("Name eq duration'PT1S'", Some(8), "not supported"),
        ("Id eq guid'x'", Some(6), "not a valid guid"),
        ("Id eq 1 ; x", Some(8), "an operator"),
        ("ä eq 'x' y", Some(9), "an operator"),
        ("a eq b eq c", Some(7), "an operator"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.message.contains(part), "{text}: {error}");
        assert!(error.message.ends_with(&format!("($filter, position {})", position.unwrap())), "{error}");
    }
    for text in ["\0", "Name eq 'a\0b'", "Name eq '\u{FFFD}'"] {
        assert!(read(text).is_err());
    }
}

#[test]
fn counts_expressions() {
    for (text, nodes) in [
        ("Id eq 1", 1),
        ("((Id eq 1))", 1),
        ("Enabled", 1),
        ("not Enabled", 2),
        ("Id eq 1 and Id eq 2 or Enabled", 3),
        ("contains(tolower(Name),'x')", 2),
        ("contains(Name,'x') eq true", 2),
        ("Id in (1,2,3)", 1),
        ("Tags/any(t:t/Id eq 1)", 2),
    ] {
        assert_eq!(read(text).unwrap().nodes, nodes, "{text}");
    }
}

#[test]
fn other_lists_are_read() {
    let order = options("$orderby=Id desc,Robot/Name,length(Name) asc").unwrap().orderby.unwrap().tree;
    let printed: Vec<String> = order.iter().map(ToString::to_string).collect();
    assert_eq!(printed, ["Id desc", "Robot/Name", "length(Name)"]);
    for raw in [
        "$orderby=Id sideways",
        "$orderby=Id,",
        "$orderby=,Id",
        "$orderby=Id desc desc",
        "$select=Id,,Name",
        "$select=Id Name",
        "$select=Id;Name",
        "$expand=Robot(",
        "$expand=Robot($select=Name",
        "$expand=Robot($select)",
        "$expand=Robot($top=x)",
        "$expand=Robot($top=-1)",
        "$expand=Robot($select=Name;$select=Id)",
        "$expand=Robot($search=x)",
        "$expand=Robot(select=x)",
        "$expand=Robot($filter=)",
        "$expand=Robot($filter=Name eq ')')x",
        "$expand=A($expand=A($expand=A($expand=A($expand=A($expand=A($expand=A($expand=A($expand=A($expand=A)))))))))",
    ] {
        assert!(options(raw).is_err(), "{raw}");
    }
    let expand = options("$expand=Robot($expand=License;$filter=Name eq 'a;)(' ; $select=Name,Id),Tags").unwrap();
    let tree = expand.expand.unwrap().tree;
    assert_eq!(tree.len(), 2);
    assert_eq!(tree[0].options.filter.as_ref().unwrap().to_string(), "Name eq 'a;)('");
    assert_eq!(tree[0].options.select.as_ref().unwrap().len(), 2);
    assert_eq!(tree[0].options.expand.len(), 1);
}

#[test]
fn errors_inside_of_expand_have_the_place_in_the_whole() {
    let error = options("$expand=Tags,Robot($select=Id;$filter=Name eq )").unwrap_err();
    assert_eq!(error.position, Some("Tags,Robot($select=Id;$filter=Name eq ".len()), "{error}");
}

#[test]
fn reading_is_linear_and_shallow() {
    let long = |unit: &str| unit.repeat(200_000 / unit.len());
    let texts = [
        long("("),
        long(")"),
        long("not "),
        long("not("),
        long("a("),
        long("a/any(x:"),
        long("'"),
        long("-"),
        long("1"),
        long("a/"),
        long("a or "),
        long("a,"),
        long("a(a,"),
        long("a eq (a eq "),
        long("ä"),
        long("1-"),
        long("a in (1,"),
        long("$expand=A("),
    ];
    let start = Instant::now();
    for text in &texts {
        // The whole is refused by its length alone, so the readers get what just passes.
        assert!(read(text).is_err());
        let mut end = 32 * 1024;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        for name in ["$filter", "$orderby", "$select", "$expand"] {
            let pairs = [(name.to_owned(), text[..end].to_owned())];
            let _ = QueryOptions::from_pairs(&pairs, Allowed::default());
        }
    }
    let nested = format!("{}Id eq 1{}", "(".repeat(500), ")".repeat(500));
    assert!(read(&nested).unwrap_err().message.contains("nested deeper"));
    assert!(read(&format!("{}Id eq 1{}", "(".repeat(60), ")".repeat(60))).is_ok());
    // Quadratic work on 32 KiB would take far longer, also unoptimised.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn deep_trees_fit_half_a_worker_stack() {
    let worker = std::thread::Builder::new().stack_size(1024 * 1024).spawn(|| {
        for text in ["not(", "(", "a(", "x/any(y:", "a(b(not(", "not not ("] {
            let _ = read(&text.repeat(3_000));
        }
        let deep = "not (".repeat(31) + "Id eq 1" + &")".repeat(31);
        let filter = read(&deep).unwrap();
        assert!(crate::fixture::query_of(&crate::fixture::JOB, &format!("$filter={deep}")).is_ok());
        drop(filter.clone());
    });
    worker.unwrap().join().unwrap();
}

fn name() -> impl Strategy<Value = Name> {
    // None of these is an operator or a keyword.
    prop::sample::select(vec!["Id", "Name", "Robot", "x", "_a", "Größe", "Ns.Type", "$it", "inner", "nothing"])
        .prop_map(|text| Name { text: text.to_owned(), at: Position(0) })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(Literal::Int),
        prop::num::f64::NORMAL.prop_map(Literal::Real),
        "[^\u{0}\u{FFFD}]{0,12}".prop_map(Literal::Text),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(Literal::Guid),
        (-62_135_596_800_000_000_i64..253_402_300_800_000_000).prop_map(Literal::DateTime),
        (-719_162_i64..2_932_896).prop_map(|d| Literal::Date(d * 86_400_000_000)),
        "[^\u{0}\u{FFFD}]{0,12}".prop_map(|text| Literal::Typed { name: "Ns.Type".to_owned(), text }),
    ]
}

fn operator() -> impl Strategy<Value = Operator> {
    prop::sample::select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Less,
        Operator::LessOrEqual,
    ])
}

fn node() -> impl Strategy<Value = Node> {
    let at = Position(0);
    let leaf = prop_oneof![
        literal().prop_map(move |l| Node { expr: Expr::Literal(l), at }),
        prop::collection::vec(name(), 1..4).prop_map(move |p| Node { expr: Expr::Path(p), at }),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        // Lists within lists of the same kind print as one list.
        let many = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            (operator(), inner.clone(), inner.clone()).prop_map(move |(op, left, right)| Node {
                expr: Expr::Compare { op, left: Box::new(left), right: Box::new(right) },
                at
            }),
            (inner.clone(), prop::collection::vec(literal(), 1..4)).prop_map(move |(left, list)| Node {
                expr: Expr::In { left: Box::new(left), list: list.into_iter().map(|l| (l, at)).collect() },
                at
            }),
            many().prop_map(move |parts| Node { expr: Expr::And(parts), at }),
            many().prop_map(move |parts| Node { expr: Expr::Or(parts), at }),
            inner.clone().prop_map(move |i| Node { expr: Expr::Not(Box::new(i)), at }),
            (name(), prop::collection::vec(inner.clone(), 0..3))
                .prop_map(move |(name, args)| Node { expr: Expr::Call { name, args }, at }),
            (prop::collection::vec(name(), 1..3), any::<bool>(), name(), inner.clone()).prop_map(
                move |(path, all, variable, body)| Node {
                    expr: Expr::Lambda { path, all, body: Some((variable, Box::new(body))) },
                    at
                }
            ),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn printed_trees_read_back(tree in node()) {
        let printed = tree.to_string();
        let back = read(&printed).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
        prop_assert_eq!(&back.root, &tree, "{}", printed);
        prop_assert_eq!(back.to_string(), printed);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let text = String::from_utf8_lossy(&bytes).replace(char::REPLACEMENT_CHARACTER, "ÿ");
        for name in ["$filter", "$orderby", "$select", "$expand", "$top", "$skip", "$count"] {
            let _ = QueryOptions::from_pairs(&[(name.to_owned(), text.clone())], Allowed::default());
        }
    }

    #[test]
    fn mutations_are_survived(
        text in prop::sample::select(vec![
            "contains(tolower(Name),'x') and Id in (1,2) or not (Robot/Id eq 5L)",
            "Tags/any(t:t/Label eq 'ä''b') and Started ge 2026-01-05T08:00:00.123Z",
            "Robot($expand=License($select=Code);$filter=Name eq ';)';$orderby=Id desc;$top=5),Tags",
        ]),
        cut in 0_usize..70,
        insert in "[()'/,:;=$ a-z0-9ä-]{0,4}",
        drop in 0_usize..4,
    ) {
        let chars: Vec<char> = text.chars().collect();
        let cut = cut.min(chars.len());
        let mutated: String = chars[..cut].iter().copied()
            .chain(insert.chars())
            .chain(chars[(cut + drop).min(chars.len())..].iter().copied())
            .collect();
        for name in ["$filter", "$orderby", "$expand"] {
            let pairs = [(name.to_owned(), mutated.clone())];
            if let Ok(options) = QueryOptions::from_pairs(&pairs, Allowed::default()) {
                // What can be read can be bound or refused, and printed.
                if let Ok(query) = bandmaster_odata::bind(&options, &crate::fixture::JOB, &Default::default()) {
                    let _ = bandmaster_odata::sql::page(&query, &crate::fixture::sees(), 10);
                }
            }
        }
    }
}
