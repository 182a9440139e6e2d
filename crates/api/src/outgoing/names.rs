//! Names to addresses, behind a trait so that tests answer themselves.

use futures::future::BoxFuture;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Asks for the addresses of a name.
pub trait Names: Send + Sync + 'static {
    /// All addresses of a host name; an error when it has none.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Lookups at the same time. Each holds a thread, also after whoever asked has given up.
const AT_ONCE: usize = 16;

/// The resolver of the operating system.
#[derive(Debug, Clone)]
pub struct SystemNames(Arc<Semaphore>);

impl Default for SystemNames {
    fn default() -> SystemNames {
        SystemNames(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Names for SystemNames {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let permit = self.0.clone().acquire_owned().await.map_err(io::Error::other)?;
            let name = name.to_owned();
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await.map(|f| f.map(|a| a.ip()).collect());
                drop(permit);
                found
            });
            lookup.await.map_err(io::Error::other)?
        })
    }
}
