//! Several conversations at once, on one thread.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

/// Runs futures side by side to their ends; what came of them, in the order in which they ended.
pub(crate) async fn together<T, Part: Future<Output = T>>(parts: impl IntoIterator<Item = Part>) -> Vec<T> {
    let mut running: Vec<Pin<Box<Part>>> = parts.into_iter().map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        running.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(value) => {
                done.push(value);
                false
            }
            Poll::Pending => true,
        });
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done
}
