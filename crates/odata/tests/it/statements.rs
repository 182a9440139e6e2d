//! The SQL text itself: what every statement must carry, and the forms of conditions.

use crate::fixture::*;
use bandmaster_model::entity::EntityType;
use bandmaster_odata::sql::{self, Folders, Param, Statement, Visibility};
use bandmaster_odata::{KeyValue, Query};

/// Placeholders are `$1, $2, …` in the order of the text, as many as parameters.
fn check(statement: &Statement) {
    let found: Vec<usize> = statement
        .text
        .split('$')
        .skip(1)
        .map(|t| t.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap())
        .collect();
    assert_eq!(found, (1..=statement.params.len()).collect::<Vec<_>>(), "{}", statement.text);
}

/// The condition of a filter without what visibility adds.
fn condition(raw: &str) -> String {
    let statement = sql::count(&query(raw), &sees_all(), None);
    check(&statement);
    let mut text = statement.text.split_once(" WHERE t.tenant_id = ").unwrap().1.to_owned();
    text = text.split_once(" AND ").unwrap().1.to_owned();
    // Shorter to read: placeholders without their types.
    for (i, param) in statement.params.iter().enumerate().rev() {
        let value = match param {
            Param::Int(i) => i.to_string(),
            Param::Real(r) => format!("{r:?}"),
            Param::Text(t) => format!("'{t}'"),
        };
        text = text.replace(&format!("(CAST(${} AS TEXT) || '')", i + 1), &value);
        for ty in ["BIGINT", "TEXT", "DOUBLE PRECISION"] {
            text = text.replace(&format!("CAST(${} AS {ty})", i + 1), &value);
        }
    }
    text
}

#[test]
fn conditions_are_printed() {
    for (filter, wanted) in [
        ("Id eq 1", "(t.id = 1)"),
        ("1 eq Id", "(t.id = 1)"),
        ("1 lt Id", "(t.id > 1)"),
        ("Id ne 1", "(t.id IS DISTINCT FROM 1)"),
        ("Name eq 'ÄB'", "(fold(t.name) = 'äb')"),
        ("Name eq Info", "(fold(t.name) IS NOT DISTINCT FROM fold(t.info))"),
        ("Name eq null", "t.name IS NULL"),
        ("null ne Name", "t.name IS NOT NULL"),
        ("Name gt null", "FALSE"),
        ("null eq null", "TRUE"),
        ("1 eq null", "FALSE"),
        ("1 ne null", "TRUE"),
        ("1 eq 1", "(1 = 1)"),
        ("1 eq 1.5", "(1.0 = 1.5)"),
        ("'a' eq 'A'", "('a' = 'a')"),
        ("Id eq 1.5", "FALSE"),
        ("Id ne 1.5", "TRUE"),
        ("Id lt 1.5", "(t.id <= 1)"),
        ("Id ge 1.5", "(t.id >= 2)"),
        ("Id gt 1.0", "(t.id > 1)"),
        ("Id lt 1e30", "(t.id <= 9223372036854775807)"),
        ("Id gt 1e30", "FALSE"),
        ("Score gt 1", "(t.score > 1.0)"),
        ("Score gt Priority", "(t.score > CAST(t.priority AS DOUBLE PRECISION))"),
        ("State eq 'faulted'", "(t.state = 4)"),
        ("State eq '4'", "(t.state = 4)"),
        ("State eq 4", "(t.state = 4)"),
        ("State eq UiPath.X.JobState'Faulted'", "(t.state = 4)"),
        ("State in ('Pending','Running',null)", "(t.state IN (0, 1) OR t.state IS NULL)"),
        ("Id in (1,2,3)", "(t.id IN (1, 2, 3, 3))"),
        ("Id in (1.5,2.0)", "(t.id = 2)"),
        ("Id in (1.5)", "FALSE"),
        ("Id in (null)", "t.id IS NULL"),
        ("not (Id in (1,2))", "NOT (COALESCE(t.id IN (1, 2), FALSE))"),
        ("Enabled", "t.enabled <> 0"),
        ("not Enabled", "NOT (t.enabled <> 0)"),
        ("Enabled eq true", "(t.enabled = 1)"),
        ("Enabled ne 'TRUE'", "(t.enabled IS DISTINCT FROM 1)"),
        ("Busy eq true", "((CASE WHEN t.priority > 1 THEN 1 ELSE 0 END) = 1)"),
        ("Key eq 8066C309-cef8-4b47-9163-b273fc14cc43", "(t.key = '8066c309-cef8-4b47-9163-b273fc14cc43')"),
        ("Key eq '8066C309-cef8-4b47-9163-b273fc14cc43'", "(t.key = '8066c309-cef8-4b47-9163-b273fc14cc43')"),
        ("Started ge 1970-01-02", "(t.started >= 86400000000)"),
        ("Started ge '1970-01-02'", "(t.started >= 86400000000)"),
        ("contains(Name,'50%_\\X')", "(fold(t.name) LIKE '%50\\%\\_\\\\x%' ESCAPE '\\')"),
        ("startswith(Name,'Az')", "(fold(t.name) >= 'az' AND fold(t.name) < 'a{')"),
        ("startswith(Name,'')", "(fold(t.name) LIKE '%' ESCAPE '\\')"),
        ("startswith(trim(Name),'a')", "(fold(trim(t.name)) LIKE 'a%' ESCAPE '\\')"),
        ("endswith(tolower(Name),'a')", "(fold(t.name) LIKE '%a' ESCAPE '\\')"),
        ("substringof('a',Name)", "(fold(t.name) LIKE '%a%' ESCAPE '\\')"),
        ("contains(Name,'a') eq true", "(fold(t.name) LIKE '%a%' ESCAPE '\\')"),
        ("contains(Name,'a') eq false", "((fold(t.name) LIKE '%a%' ESCAPE '\\')) IS FALSE"),
        ("true ne contains(Name,'a')", "((fold(t.name) LIKE '%a%' ESCAPE '\\')) IS NOT TRUE"),
        ("not (Id gt 1 and Name eq 'x')", "NOT ((COALESCE(t.id > 1, FALSE) AND COALESCE(fold(t.name) = 'x', FALSE)))"),
        ("Id eq 1 or Id eq 2 and Enabled", "((t.id = 1) OR ((t.id = 2) AND t.enabled <> 0))"),
        ("length(trim(concat(Name,'x'))) eq 3", "(length(trim((t.name || 'x'))) = 3)"),
        ("substring(Name,1,2) eq 'AB'", "(fold(substr(t.name, CAST(2 AS INTEGER), CAST(2 AS INTEGER))) = 'ab')"),
        ("date(Started) eq 1970-01-01", "((t.started - ((t.started % 86400000000 + 86400000000) % 86400000000)) = 0)"),
        ("hour(Started) eq 8", "((((t.started % 86400000000 + 86400000000) % 86400000000) / 3600000000 % 24) = 8)"),
    ] {
        assert_eq!(condition(&format!("$filter={}", filter.replace('%', "%25"))), wanted, "{filter}");
    }
}

#[test]
fn joins_are_shared_and_hide_what_is_not_seen() {
    let raw = "$filter=Robot/License/Slots gt 1 and Robot/Name eq 'x'&$orderby=Robot/Name desc&$expand=Robot($select=Name)&$select=Id";
    let statement = sql::page(&query(raw), &sees(), 50);
    check(&statement);
    assert_eq!(
        statement.text,
        "SELECT t.id, t1.id, t1.name FROM (SELECT t.id AS k FROM jobs AS t \
         LEFT JOIN robots AS t2 ON t2.id = t.robot_id AND t2.tenant_id = CAST($1 AS BIGINT) \
         LEFT JOIN licenses AS t3 ON t3.id = t2.license_id AND t3.organization_id = CAST($2 AS BIGINT) \
         WHERE t.tenant_id = CAST($3 AS BIGINT) AND t.folder_id IN (CAST($4 AS BIGINT), CAST($5 AS BIGINT)) \
         AND ((t3.slots > CAST($6 AS BIGINT)) AND (fold(t2.name) = (CAST($7 AS TEXT) || ''))) \
         ORDER BY fold(t2.name) DESC NULLS LAST, t.id DESC LIMIT CAST($8 AS BIGINT)) AS page \
         CROSS JOIN jobs AS t \
         LEFT JOIN robots AS t1 ON t1.id = t.robot_id AND t1.tenant_id = CAST($9 AS BIGINT) \
         WHERE t.id = page.k AND t.tenant_id = CAST($10 AS BIGINT) AND t.folder_id IN (CAST($11 AS BIGINT), CAST($12 AS BIGINT)) \
         ORDER BY fold(t1.name) DESC NULLS LAST, t.id DESC"
    );
    assert_eq!(statement.params[0], Param::Int(1));
    assert_eq!(statement.params[1], Param::Int(9));
    let names: Vec<&str> = statement.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["Id", "#Robot", "Robot/Name"]);
}

#[test]
fn lambdas_have_their_own_tables() {
    let text = condition("$filter=Tags/any(x: x/Robot/Name eq Robot/Name and x/Weight gt Id)");
    assert_eq!(
        text,
        "EXISTS (SELECT 1 FROM tags AS t2 LEFT JOIN robots AS t3 ON t3.id = t2.robot_id AND t3.tenant_id = 1 \
         WHERE t2.job_id = t.id AND (((fold(t3.name) IS NOT DISTINCT FROM fold(t1.name)) AND (t2.weight > t.id))))"
    );
    let text = condition("$filter=Robot/Jobs/all(j: j/Id gt 5)");
    assert!(
        text.starts_with("NOT EXISTS (SELECT 1 FROM jobs AS t2 WHERE t2.robot_id = t1.id AND t2.tenant_id = 1 AND (")
    );
    assert!(text.ends_with("(COALESCE(t2.id > 5, FALSE)) IS NOT TRUE)"), "{text}");
}

#[test]
fn every_scope_is_printed() {
    let of = |ty: &'static EntityType, visibility: &Visibility| {
        let statement = sql::page(&Query::all(ty), visibility, 1);
        check(&statement);
        let text = statement.text.split_once(" WHERE ").unwrap().1.split_once(" ORDER BY").unwrap().0.to_owned();
        text.replace(" AS BIGINT)", "").replace("CAST(", "")
    };
    assert_eq!(of(&JOB, &sees()), "t.tenant_id = $1 AND t.folder_id IN ($2, $3)");
    assert_eq!(of(&JOB, &sees_all()), "t.tenant_id = $1");
    assert_eq!(of(&ROBOT, &sees()), "t.tenant_id = $1");
    assert_eq!(of(&LICENSE, &sees()), "t.organization_id = $1");
    assert_eq!(of(&SYSTEM, &sees()), "TRUE");
    assert_eq!(of(&TAG, &sees_all()), "FALSE");
    assert_eq!(
        of(&QUEUE, &sees()),
        "t.tenant_id = $1 AND EXISTS (SELECT 1 FROM queue_folders AS link WHERE link.queue_id = t.id AND \
         link.folder_id IN ($2, $3))"
    );
    assert_eq!(of(&QUEUE, &sees_all()), "t.tenant_id = $1");
    let none = Visibility { folders: Folders::These(vec![]), ..sees() };
    assert_eq!(of(&JOB, &none), "t.tenant_id = $1 AND t.folder_id IN (NULL)");
    let one = Visibility { folders: Folders::These(vec![7]), ..sees() };
    assert_eq!(of(&JOB, &one), "t.tenant_id = $1 AND t.folder_id = $2");
    // Three are printed as four, so that few texts arise; very many stand in the text.
    let three = Visibility { folders: Folders::These(vec![7, 8, 9]), ..sees() };
    assert_eq!(of(&JOB, &three), "t.tenant_id = $1 AND t.folder_id IN ($2, $3, $4, $5)");
    let many = Visibility { folders: Folders::These((0..9_000).collect()), ..sees() };
    assert!(of(&JOB, &many).starts_with("t.tenant_id = $1 AND t.folder_id IN (0,1,2,"));
}

#[test]
fn keys_counts_and_expansions() {
    let statement = sql::by_key(&query("$select=Name&$expand=Tags"), &KeyValue::Int(5), &sees_all());
    check(&statement);
    assert_eq!(
        statement.text,
        "SELECT t.name, t.id FROM jobs AS t WHERE t.id = CAST($1 AS BIGINT) AND t.tenant_id = CAST($2 AS BIGINT)"
    );
    let statement = sql::by_key(&Query::all(&LICENSE), &KeyValue::Text("A:1".into()), &sees_all());
    assert!(
        statement.text.contains("WHERE fold(t.id) = (CAST($1 AS TEXT) || '') AND t.organization_id"),
        "{}",
        statement.text
    );
    assert_eq!(statement.params[0], Param::Text("a:1".into()));

    let counted = sql::count(
        &query("$filter=Robot/Id eq 1&$orderby=Name&$expand=Robot&$top=5&$skip=1"),
        &sees_all(),
        Some(10_000),
    );
    check(&counted);
    assert_eq!(
        counted.text,
        "SELECT count(*) FROM (SELECT 1 AS one FROM jobs AS t LEFT JOIN robots AS t1 ON t1.id = t.robot_id \
         AND t1.tenant_id = CAST($1 AS BIGINT) WHERE t.tenant_id = CAST($2 AS BIGINT) AND (t1.id = CAST($3 AS BIGINT)) \
         LIMIT CAST($4 AS BIGINT)) AS counted"
    );
    assert_eq!(counted.params[3], Param::Int(10_001));

    let query = query("$expand=Tags($select=Label;$filter=Weight gt 1;$orderby=Label desc)");
    let statement = sql::many(&query.expand[0], &sees(), &[KeyValue::Int(1), KeyValue::Int(2)]);
    check(&statement);
    assert_eq!(
        statement.text,
        "SELECT t.job_id, t.label FROM tags AS t WHERE t.job_id IN (CAST($1 AS BIGINT), CAST($2 AS BIGINT)) \
         AND TRUE AND (t.weight > CAST($3 AS BIGINT)) ORDER BY fold(t.label) DESC NULLS LAST, t.id DESC"
    );
    let query = crate::fixture::query("$expand=Tags($select=Label;$top=2;$skip=1)");
    let statement = sql::many(&query.expand[0], &sees(), &[KeyValue::Int(1)]);
    check(&statement);
    assert_eq!(
        statement.text,
        "SELECT * FROM (SELECT t.job_id AS c0, t.label AS c1, ROW_NUMBER() OVER (PARTITION BY t.job_id ORDER BY t.id) \
         AS row_of_parent FROM tags AS t WHERE t.job_id = CAST($1 AS BIGINT) AND TRUE) AS paged \
         WHERE row_of_parent > CAST($2 AS BIGINT) AND row_of_parent <= CAST($3 AS BIGINT) ORDER BY row_of_parent"
    );
}

#[test]
fn orders_are_total() {
    for (raw, wanted) in [
        ("", "t.id"),
        ("$orderby=Id", "t.id"),
        ("$orderby=Id desc,Name", "t.id DESC"),
        ("$orderby=Started,Id desc", "t.started ASC NULLS FIRST, t.id DESC"),
        ("$orderby=Started desc", "t.started DESC NULLS LAST, t.id DESC"),
        ("$orderby=Name", "fold(t.name) ASC NULLS FIRST, t.id"),
    ] {
        let text = sql::page(&query(raw), &sees_all(), 1).text;
        let order = text.split_once(" ORDER BY ").unwrap().1.split_once(" LIMIT").unwrap().0;
        assert_eq!(order, wanted, "{raw}");
    }
    // Keys that are text are compared folded when asked for, so they do not end the order.
    let text = sql::page(&query_of(&LICENSE, "$orderby=Code").unwrap(), &sees_all(), 1).text;
    assert!(text.contains(" ORDER BY fold(t.id), t.id LIMIT"), "{text}");
}

#[test]
fn fragments_of_features_keep_their_place() {
    let mut query = query("$filter=Id eq 1&$select=Id");
    query.and_sql("{t}.robot_id = ? AND {t}.name <> ?", vec![7.into(), "x".into()]);
    let statement = sql::page(&query, &sees_all(), 10);
    check(&statement);
    assert_eq!(
        statement.text,
        "SELECT t.id FROM jobs AS t WHERE t.tenant_id = CAST($1 AS BIGINT) AND ((t.id = CAST($2 AS BIGINT)) AND \
         (t.robot_id = CAST($3 AS BIGINT) AND t.name <> CAST($4 AS TEXT))) ORDER BY t.id LIMIT CAST($5 AS BIGINT)"
    );
}

/// Where nothing is skipped, and the order is that of the key, a page needs no second look at its rows.
#[test]
fn pages_find_their_keys_first_where_that_pays() {
    for (ty, raw, first) in [
        (&JOB, "$filter=Id gt 1", false),
        (&JOB, "$orderby=Id desc", false),
        (&JOB, "$skip=1", true),
        (&JOB, "$orderby=Id&$skip=1", true),
        (&JOB, "$orderby=Name", true),
        (&QUEUE, "$orderby=Name&$skip=7", true),
        // Keys that are text are not unique by themselves.
        (&LICENSE, "$orderby=Slots&$skip=7", false),
    ] {
        let statement = sql::page(&query_of(ty, raw).unwrap(), &sees(), 50);
        check(&statement);
        assert_eq!(statement.text.contains(" AS page CROSS JOIN "), first, "{raw}: {}", statement.text);
        // Both looks at the table are those of the caller.
        let scopes = statement.text.matches(" WHERE t.").count();
        assert_eq!(scopes, 1 + usize::from(first), "{raw}: {}", statement.text);
    }
}

#[test]
fn counters_answer_what_they_know() {
    for (filter, known) in [
        ("", true),
        ("$filter=State eq 'Running'", true),
        ("$filter=not (State in ('Running',null)) or Priority ne 2 and Busy", true),
        ("$filter=Robot/Name eq 'x' and startswith(Robot/License/Code,'y')", true),
        ("$filter=State eq 'Running' and Name eq 'x'", false),
        ("$filter=contains(Name,'x')", false),
        ("$filter=Id gt 1", false),
        ("$filter=Tags/any()", false),
    ] {
        let found = sql::total(&query(filter), &sees(), &JOBS_COUNTED);
        assert_eq!(found.is_some(), known, "{filter}");
        found.iter().for_each(check);
    }
    let mut narrowed = query("");
    narrowed.and_sql("{t}.info = ?", vec!["x".into()]);
    assert!(sql::total(&narrowed, &sees(), &JOBS_COUNTED).is_none());
    let statement =
        sql::total(&query("$filter=State eq 'Running'&$skip=3&$orderby=Name"), &sees(), &JOBS_COUNTED).unwrap();
    assert_eq!(
        statement.text.split_once(") AS t ").unwrap().1,
        "WHERE t.tenant_id = CAST($1 AS BIGINT) AND t.folder_id IN (CAST($2 AS BIGINT), CAST($3 AS BIGINT)) \
         AND (t.state = CAST($4 AS BIGINT))"
    );
}
