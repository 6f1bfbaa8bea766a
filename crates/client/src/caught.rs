//! A defect in the work of a task, such as in decoding an answer: it fails that request, not all after it.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use crate::ClientError;

/// What the work gives; an error where it panics. The work may share only what a panic can't leave halfway.
pub(crate) async fn caught<T>(
    what: &str,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|panic| {
        drop(panic);
        tracing::error!(what, "a task of the client panicked");
        Err(ClientError::Defect {
            what: what.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests;
