//! The lists that people look at walk an index: no sort, no scan of the table.

use crate::world::tenant;
use bandmaster_observe::logs::LOG;
use bandmaster_odata::sql::{Folders, Param, Visibility, page};
use bandmaster_odata::{Allowed, Limits, QueryOptions, bind};
use bandmaster_store::{Dialect, Value};
use bandmaster_testkit::{TestServer, suite};

const JOB: &str = "8066c309-cef8-4b47-9163-b273fc14cc43";

/// How the database means to read a list of the folder.
async fn plan(server: &TestServer, options: &[(&str, &str)]) -> String {
    let pairs: Vec<(String, String)> = options.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let options = QueryOptions::from_pairs(&pairs, Allowed::default()).unwrap();
    let query = bind(&options, &LOG, &Limits::default()).unwrap();
    let sees =
        Visibility { tenant: tenant(server).await, organization: 1, folders: Folders::These(vec![server.shared]) };
    let statement = page(&query, &sees, 100);
    let params: Vec<Value> = statement
        .params
        .iter()
        .map(|p| match p {
            Param::Int(i) => Value::Int(*i),
            Param::Real(r) => Value::Real(*r),
            Param::Text(t) => Value::Text(t.clone()),
        })
        .collect();
    let mut conn = server.app().store.read().await.unwrap();
    let (verb, column) = match conn.dialect() {
        Dialect::Sqlite => ("EXPLAIN QUERY PLAN", 3),
        Dialect::Postgres => ("EXPLAIN", 0),
    };
    let rows = conn.query_dynamic(&format!("{verb} {}", statement.text), &params).await.unwrap();
    rows.iter().map(|r| r.get::<String>(column).unwrap() + "\n").collect()
}

/// Lines of this folder and others, of many jobs.
async fn fill(server: &TestServer) {
    let tenant = tenant(server).await;
    let mut unit = server.app().store.begin().await.unwrap();
    let sql = "INSERT INTO robot_logs (tenant_id, folder_id, at, level, message, job_key, raw) VALUES ($1, $2, $3, 2, 'm', $4, 'r')";
    let rows: Vec<Vec<Value>> = (0..12_000_i64)
        .map(|n| {
            let folder = if n % 3 == 0 { server.shared } else { 1_000 + n % 7 };
            let job = if n % 100 == 0 { JOB.to_owned() } else { format!("00000000-0000-4000-8000-{:012}", n / 50) };
            vec![tenant.into(), folder.into(), (n * 1_000_003 % 7_919_000).into(), job.into()]
        })
        .collect();
    unit.execute_many(sql, &rows).await.unwrap();
    // SQLite has to find its way without.
    if unit.dialect() == Dialect::Postgres {
        unit.execute("ANALYZE robot_logs", &[]).await.unwrap();
    }
    unit.commit().await.unwrap();
}

suite! {
    async fn lists_walk_an_index(server: &TestServer) {
        fill(server).await;
        let job = format!("JobKey eq {JOB}");
        for (options, index) in [
            (&[("$orderby", "TimeStamp desc")][..], "robot_logs_folder"),
            (&[("$orderby", "TimeStamp")], "robot_logs_folder"),
            (&[("$filter", "TimeStamp ge 1970-01-01T00:00:02Z"), ("$orderby", "TimeStamp desc")], "robot_logs_folder"),
            (&[("$filter", job.as_str()), ("$orderby", "TimeStamp")], "robot_logs_job"),
            (&[("$filter", job.as_str()), ("$orderby", "TimeStamp desc")], "robot_logs_job"),
        ] {
            let plan = plan(server, options).await;
            // A page's keys are found first; its hundred rows may be read and put in order in any way.
            let keys = match plan.split_once("SCAN page") {
                Some((before, _)) => before,
                None => plan.split_once("Limit").map_or(plan.as_str(), |(_, below)| below),
            };
            let sorts = keys.contains("Sort") || keys.contains("TEMP B-TREE");
            assert!(keys.contains(index) && !sorts && !keys.contains("Seq Scan") && !keys.contains("SCAN"), "{options:?}\n{plan}");
        }
    }
}
