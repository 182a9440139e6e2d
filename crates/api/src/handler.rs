//! What a handler is: an async function of a call. `async fn create(call: &mut Call) -> Result<Output>`.

use crate::call::Call;
use crate::output::Output;
use bandmaster_core::Result;
use futures::future::BoxFuture;
use std::future::Future;

/// An operation's function. Implemented by every `async fn(&mut Call) -> Result<Output>`.
pub trait Handler: Send + Sync + 'static {
    /// Runs the operation.
    fn run<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Output>>;
}

/// Names the future of an async function for one lifetime; needed because a bound on closures cannot.
pub trait HandlerFor<'a>: Send + Sync {
    /// The future.
    type Future: Future<Output = Result<Output>> + Send + 'a;
    /// Calls the function.
    fn invoke(&self, call: &'a mut Call) -> Self::Future;
}

impl<'a, F, Fut> HandlerFor<'a> for F
where
    F: Fn(&'a mut Call) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Output>> + Send + 'a,
{
    type Future = Fut;
    fn invoke(&self, call: &'a mut Call) -> Fut {
        self(call)
    }
}

impl<F> Handler for F
where
    F: for<'a> HandlerFor<'a> + 'static,
{
    fn run<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Output>> {
        Box::pin(self.invoke(call))
    }
}
