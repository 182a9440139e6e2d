//! What it costs to let a request in: token, tenant, scope, rights, folder and permission, with 10,000 people, 500 groups
//! and 1,000 folders. Measured inside the process, with the same functions that the dispatcher calls, beside one
//! `SELECT` of one row by its primary key through the same store, the least that a check can cost that has to
//! hold at the next request on every node.

use crate::context::{Context, Database};
use crate::crowd;
use crate::measure::{Line, median, micros, ms, percentile};
use anyhow::{Context as _, Result, anyhow, bail};
use axum::http::{HeaderMap, HeaderValue};
use bandmaster_api::{App, Operation, TenantWish, admission, folderwish};
use bandmaster_store::{Store, params};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The operation whose checks are made.
const OPERATION: &str = "Jobs_Get";
/// Callers of the warm rounds.
const CALLERS: usize = 1_000;
/// Callers whose first requests are measured one after another.
const NEWCOMERS: usize = 1_000;
/// The goal for a warm check.
const GOAL: Duration = Duration::from_micros(50);

/// On the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        lines.extend(on(context, database).await?);
    }
    Ok(lines)
}

/// A server's parts and the operation.
#[derive(Clone)]
struct Checker {
    app: Arc<App>,
    operation: Arc<Operation>,
    wish: TenantWish,
}

impl Checker {
    /// What the dispatcher does before it runs an operation, without the body.
    async fn check(&self, headers: &HeaderMap) -> Result<()> {
        let app = &self.app;
        let refused = |e: bandmaster_core::Error| anyhow!("a caller was refused: {e:?}");
        let principal = app.authenticator.authenticate(app, headers).await.map_err(refused)?;
        admission::caller(&self.operation, &principal).map_err(refused)?;
        let wish = folderwish::tenant(headers, self.wish.organization.clone(), self.wish.tenant.clone());
        let tenant = app.gate.tenant(app, &principal, &wish).await.map_err(refused)?.context("no tenant")?;
        if !admission::scope(&self.operation, &principal) {
            bail!("the token lacks the scope");
        }
        let rights = app.gate.rights(app, &principal, &tenant).await.map_err(refused)?;
        let wish = folderwish::folder(headers).map_err(refused)?;
        let folder = match wish.is_empty() {
            true => None,
            false => Some(app.gate.folder(app, &tenant, &rights, &wish).await.map_err(refused)?),
        };
        admission::folder(&self.operation, folder.as_ref()).map_err(refused)?;
        admission::permission(&self.operation, &rights, folder.as_ref().map(|f| f.id)).map_err(refused)
    }

    /// The headers of a person who works in one of the folders it may see jobs in.
    async fn headers(&self, person: usize) -> Result<HeaderMap> {
        let mut headers = of_token(person)?;
        let principal = self.app.authenticator.authenticate(&self.app, &headers).await;
        let principal = principal.map_err(|e| anyhow!("{e:?}"))?;
        let tenant = self.app.gate.tenant(&self.app, &principal, &self.wish).await.map_err(|e| anyhow!("{e:?}"))?;
        let tenant = tenant.context("no tenant")?;
        let rights = self.app.gate.rights(&self.app, &principal, &tenant).await.map_err(|e| anyhow!("{e:?}"))?;
        let mut folders = rights.folders.iter().filter(|(_, set)| set.contains("Jobs.View")).map(|(id, _)| *id);
        let folder = folders.nth(person % 7).context("the person sees too few folders")?;
        headers.insert("x-uipath-organizationunitid", HeaderValue::from(folder));
        Ok(headers)
    }
}

fn of_token(person: usize) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {}", crowd::token(person)))?);
    headers.insert("host", HeaderValue::from_static("localhost"));
    headers.insert("accept", HeaderValue::from_static("application/json"));
    Ok(headers)
}

async fn on(context: &Context, database: Database) -> Result<Vec<Line>> {
    let settings = context.fresh(database).await?;
    let begun = Instant::now();
    crowd::settle(&settings).await?;
    eprintln!("put 10000 people into {} in {} s", database.name(), begun.elapsed().as_secs());
    let prepared = crowd::prepared(&settings).await?;
    let operation =
        prepared.served.operations().find(|o| o.facts.id == OPERATION).context("no such operation")?.clone();
    let app = prepared.app.clone();
    let checker = Checker { wish: named(&app.store).await?, app, operation };
    let told = |what: &str, product: String| Line {
        what: what.into(),
        database: database.name().into(),
        yardstick: "–".into(),
        product,
        ratio: "–".into(),
        goal: "–".into(),
        reached: None,
    };
    let mut lines = vec![told("access check, first requests after the start", newcomers(&checker).await?)];
    let mut all = Vec::with_capacity(crowd::PEOPLE);
    for person in 0..crowd::PEOPLE {
        all.push(checker.headers(person).await?);
    }
    let all = Arc::new(all);
    lines.extend(warm(context, database, &checker, &all).await?);
    lines.push(told("access check after a change of rights", changed(context, &checker, &all).await?));
    checker.app.store.close().await;
    Ok(lines)
}

/// The names in the address of a request.
async fn named(store: &Store) -> Result<TenantWish> {
    let mut conn = store.read().await?;
    let sql = "SELECT o.name, t.name FROM tenants t JOIN organizations o ON o.id = t.organization_id WHERE t.id = $1";
    let row = conn.query_one(sql, params![1]).await?;
    Ok(TenantWish { organization: Some(row.get(0)?), tenant: Some(row.get(1)?), tenant_name: None })
}

/// The first request of the process, then the first ones of people.
async fn newcomers(checker: &Checker) -> Result<String> {
    let mut taken = Vec::new();
    for person in 0..=NEWCOMERS {
        let headers = of_token(person)?;
        let begun = Instant::now();
        checker.check(&headers).await?;
        taken.push(begun.elapsed());
    }
    let first = taken.remove(0);
    let (middle, late) = (percentile(&mut taken, 0.5), percentile(&mut taken, 0.99));
    Ok(format!("the very first {}; of a person p50 {}, p99 {}", ms(first), micros(middle), micros(late)))
}

async fn warm(
    context: &Context,
    database: Database,
    checker: &Checker,
    all: &Arc<Vec<HeaderMap>>,
) -> Result<Vec<Line>> {
    let span = Duration::from_secs(context.seconds);
    let (mut selects, mut checks) = (Vec::new(), Vec::new());
    let (mut taken, mut select_taken) = (Vec::new(), Vec::new());
    for headers in all.iter().take(CALLERS) {
        checker.check(headers).await?;
    }
    for _ in 0..context.rounds {
        select_taken.extend(alone(span, |_| select(&checker.app.store)).await?);
        let of = |n: usize| all.get(n % CALLERS).context("no such caller");
        taken.extend(alone(span, async |n| checker.check(of(n)?).await).await?);
        let store = checker.app.store.clone();
        let bare = move |_| {
            let store = store.clone();
            async move { select(&store).await }
        };
        selects.push(together(context.clients, span, bare).await?);
        let both = Arc::new((checker.clone(), all.clone()));
        let check = move |n: usize| {
            let both = both.clone();
            async move { both.0.check(both.1.get(n % CALLERS).context("no such caller")?).await }
        };
        checks.push(together(context.clients, span, check).await?);
    }
    let (bare, own) = (percentile(&mut select_taken, 0.5), percentile(&mut taken, 0.5));
    let one = Line {
        what: "access check, warm, one at a time".into(),
        database: database.name().into(),
        yardstick: format!("SELECT p50 {}", micros(bare)),
        product: format!("p50 {}, p99 {}", micros(own), micros(percentile(&mut taken, 0.99))),
        ratio: format!("{:.2}", own.as_secs_f64() / bare.as_secs_f64().max(1e-9)),
        goal: "≤ 50 µs".into(),
        reached: Some(own <= GOAL),
    };
    let ratios: Vec<f64> = checks.iter().zip(&selects).map(|(c, s)| c / s).collect();
    let (bare, own) = (Duration::from_secs_f64(median(&selects)), Duration::from_secs_f64(median(&checks)));
    let many = Line {
        what: format!("access check, warm, {} at a time", context.clients),
        database: database.name().into(),
        yardstick: format!("SELECT {} each", micros(bare)),
        product: format!("{} each", micros(own)),
        ratio: format!("{:.2}", median(&ratios)),
        goal: "≤ 50 µs".into(),
        reached: Some(own <= GOAL),
    };
    Ok(vec![one, many])
}

async fn select(store: &Store) -> Result<()> {
    let mut conn = store.read().await?;
    let row = conn.query_opt("SELECT access_version, is_active FROM tenants WHERE id = $1", params![1]).await?;
    row.map(|_| ()).context("no tenant")
}

/// One after another, as long as the span lasts; what each took.
async fn alone(span: Duration, work: impl AsyncFn(usize) -> Result<()>) -> Result<Vec<Duration>> {
    let begun = Instant::now();
    let mut taken = Vec::new();
    while begun.elapsed() < span {
        let one = Instant::now();
        work(taken.len()).await?;
        taken.push(one.elapsed());
    }
    Ok(taken)
}

/// Many at a time, as long as the span lasts; seconds for each of them.
async fn together<F, R>(clients: usize, span: Duration, work: F) -> Result<f64>
where
    F: Fn(usize) -> R + Clone + Send + 'static,
    R: Future<Output = Result<()>> + Send + 'static,
{
    let begun = Instant::now();
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (work, done) = (work.clone(), done.clone());
            tokio::spawn(async move {
                while begun.elapsed() < span {
                    work(done.fetch_add(1, Ordering::Relaxed)).await?;
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.context("a caller failed")??;
    }
    Ok(begun.elapsed().as_secs_f64() / done.load(Ordering::Relaxed).max(1) as f64)
}

/// The first request after a change, the next ones of others, and until everybody has been let in again.
async fn changed(context: &Context, checker: &Checker, all: &Arc<Vec<HeaderMap>>) -> Result<String> {
    let (mut first, mut next, mut everybody) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..context.rounds {
        crowd::changed(&checker.app.store).await?;
        for person in 0..100 {
            let headers = all.get(person).context("no such caller")?;
            let begun = Instant::now();
            checker.check(headers).await?;
            if person == 0 { &mut first } else { &mut next }.push(begun.elapsed());
        }
        crowd::changed(&checker.app.store).await?;
        let (begun, place) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..context.clients)
            .map(|_| {
                let (checker, all, place) = (checker.clone(), all.clone(), place.clone());
                tokio::spawn(async move {
                    while let Some(headers) = all.get(place.fetch_add(1, Ordering::Relaxed)) {
                        checker.check(headers).await?;
                    }
                    Ok::<_, anyhow::Error>(())
                })
            })
            .collect();
        for task in tasks {
            task.await.context("a caller failed")??;
        }
        everybody.push(begun.elapsed());
    }
    Ok(format!(
        "the first {}; of the next person p50 {}, p99 {}; until all {} are warm again {}",
        ms(percentile(&mut first, 0.5)),
        micros(percentile(&mut next, 0.5)),
        micros(percentile(&mut next, 0.99)),
        crowd::PEOPLE,
        ms(percentile(&mut everybody, 0.5)),
    ))
}
