//! Bodies that nobody read to their end. A refusal often comes before the caller has sent everything; closing the
//! connection then resets it, and the caller sees a broken pipe in place of the answer. So the rest is taken off the
//! connection and thrown away, within bounds (RFC 9112, section 9.6, describes the same trouble).

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How much is thrown away at most, in bytes.
const MOST: usize = 64 << 20;
/// How long throwing away may take.
const LONGEST: Duration = Duration::from_secs(10);

/// The body, whose unread rest is thrown away once it is dropped.
pub fn lingering(body: Body, headers: &HeaderMap) -> Body {
    if body.is_end_stream() {
        return body;
    }
    // Who asks first sends nothing before the server reads; reading only to throw away would invite it.
    let invited = !headers.contains_key(header::EXPECT);
    Body::from_stream(Lingering { rest: Some(body.into_data_stream()), invited })
}

struct Lingering {
    /// Gone at the end of the body.
    rest: Option<BodyDataStream>,
    /// Whether the caller sends by now.
    invited: bool,
}

impl Stream for Lingering {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.invited = true;
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let piece = rest.poll_next_unpin(context);
        if matches!(piece, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        piece
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if !self.invited {
            return;
        }
        if let (Some(rest), Ok(runtime)) = (self.rest.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LONGEST, throw_away(rest)));
        }
    }
}

async fn throw_away(mut rest: BodyDataStream) {
    let mut left = MOST;
    while let Some(Ok(piece)) = rest.next().await {
        match left.checked_sub(piece.len()) {
            Some(less) => left = less,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A body of pieces, and how many of them were taken so far.
    fn counted(pieces: usize, size: usize) -> (Body, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        let stream = futures::stream::iter(0..pieces).map(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from(vec![0; size]))
        });
        (Body::from_stream(stream), taken)
    }

    async fn settled() {
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_unread_rest_is_thrown_away() {
        let (body, taken) = counted(5, 3);
        drop(lingering(body, &HeaderMap::new()));
        settled().await;
        assert_eq!(taken.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn no_more_than_the_bound_is_taken() {
        let (body, taken) = counted(100, MOST / 4);
        drop(lingering(body, &HeaderMap::new()));
        settled().await;
        assert_eq!(taken.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn who_asks_first_is_not_invited() {
        let (body, taken) = counted(5, 3);
        let mut headers = HeaderMap::new();
        headers.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        drop(lingering(body, &headers));
        settled().await;
        assert_eq!(taken.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn reading_changes_nothing() {
        let (body, _) = counted(5, 3);
        let bytes = axum::body::to_bytes(lingering(body, &HeaderMap::new()), 100).await.unwrap();
        assert_eq!(bytes.len(), 15);
    }
}
