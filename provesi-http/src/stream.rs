//! Lists of any length as one JSON document, written page by page: memory holds at most four pages, whatever the list.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use provesi_core::{AppError, BoxStream};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span};

use crate::answer::{JSON, Warning};
use crate::error;

/// What is written around and for the items of a list.
pub(crate) trait Rows: Send + 'static {
    /// An item as it comes.
    type Item: Send + 'static;

    /// What is written for an item.
    fn write(&mut self, item: &Self::Item, into: &mut Vec<u8>);

    /// What follows the last item: the end of the array and of what is around it.
    fn end(&mut self, count: u64, into: &mut Vec<u8>);
}

/// Answers with `head`, the items of all pages separated by commas, and the end.
///
/// The first page is read before anything is answered, so that an error there is answered as one. An error later
/// breaks the transfer off: the reader sees that the document is not complete.
pub(crate) async fn answer<R: Rows>(
    mut pages: BoxStream<Result<Vec<R::Item>, AppError>>,
    head: Vec<u8>,
    rows: R,
) -> Result<Response, AppError> {
    let first = pages.next().await.transpose()?;
    let span = Span::current();
    let writer = Writer { first, pages: Ahead::of(pages, span.clone()), rows, begun: Some(head), count: 0, span };
    let chunks = stream::unfold(Some(writer), |writer| async move {
        let mut writer = writer?;
        match writer.chunk().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(writer))),
            Ok(None) => Some((Ok(writer.end()), None)),
            Err(error) => {
                // The request's span has the request id, and was left when the answer began.
                writer.span.in_scope(|| match &error {
                    Broken::App(error) => error::log(error),
                    // What it said may be anything, see `panics`.
                    Broken::Task => tracing::error!("the task that read a list panicked"),
                });
                Some((Err(error), None))
            }
        }
    });
    // Compression asks once more after the end.
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, JSON)], Body::from_stream(chunks.fuse())).into_response())
}

struct Writer<R: Rows> {
    first: Option<Vec<R::Item>>,
    pages: Ahead<R::Item>,
    rows: R,
    /// What was written and not sent yet.
    begun: Option<Vec<u8>>,
    count: u64,
    span: Span,
}

impl<R: Rows> Writer<R> {
    /// A page of items; `None` after the last one.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        let page = match self.first.take() {
            Some(page) => page,
            None => match self.pages.next().await? {
                Some(page) => page,
                None => return Ok(None),
            },
        };
        let mut chunk = self.begun.take().unwrap_or_default();
        for item in &page {
            if self.count > 0 {
                chunk.push(b',');
            }
            self.count += 1;
            self.rows.write(item, &mut chunk);
        }
        Ok(Some(chunk.into()))
    }

    fn end(mut self) -> Bytes {
        let mut chunk = self.begun.take().unwrap_or_default();
        self.rows.end(self.count, &mut chunk);
        chunk.into()
    }
}

/// Pages that a separate task reads while earlier ones are written: one waits to be taken, one for its place.
struct Ahead<T> {
    pages: mpsc::Receiver<Vec<T>>,
    /// Ends with this.
    task: AbortOnDropHandle<Result<(), AppError>>,
}

impl<T: Send + 'static> Ahead<T> {
    fn of(mut pages: BoxStream<Result<Vec<T>, AppError>>, span: Span) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let read = async move {
            while let Some(page) = pages.next().await.transpose()? {
                if sender.send(page).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        Self { pages: receiver, task: AbortOnDropHandle::new(tokio::spawn(read.instrument(span))) }
    }

    /// The next page. After the last one, what the task ended with: a list is complete only if that is no error.
    async fn next(&mut self) -> Result<Option<Vec<T>>, Broken> {
        match self.pages.recv().await {
            Some(page) => Ok(Some(page)),
            None => Ok((&mut self.task).await.map_err(|_| Broken::Task)?.map(|()| None)?),
        }
    }
}

/// Why a list ends before its last item.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    App(#[from] AppError),
    #[error("the task that read the list panicked")]
    Task,
}

/// How a list in the success envelope starts.
pub(crate) fn head() -> Vec<u8> {
    b"{\"status\":\"success\",\"data\":[".to_vec()
}

/// Writes a value.
pub(crate) fn write(value: &impl Serialize, into: &mut Vec<u8>) {
    // Writing a wire type to memory cannot fail.
    let _ = serde_json::to_writer(into, value);
}

/// Writes a warning that was found out while the list was written, as a further member of the envelope.
pub(crate) fn write_warning(warning: Warning, given: bool, into: &mut Vec<u8>) {
    if given {
        into.extend_from_slice(b",\"warnings\":");
        write(&warning.only(true), into);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use provesi_core::StoreError;

    use super::*;

    struct Numbers;

    impl Rows for Numbers {
        type Item = u32;

        fn write(&mut self, item: &u32, into: &mut Vec<u8>) {
            write(item, into);
        }

        fn end(&mut self, count: u64, into: &mut Vec<u8>) {
            into.extend_from_slice(format!("],\"count\":{count}}}").as_bytes());
        }
    }

    /// What is sent for these pages, or that the transfer is broken off.
    async fn sent(
        pages: impl futures_util::Stream<Item = Result<Vec<u32>, AppError>> + Send + 'static,
    ) -> Option<String> {
        let answer = answer(pages.boxed(), head(), Numbers).await.unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.ok()?;
        Some(String::from_utf8(bytes.into()).unwrap())
    }

    fn pages(count: u32) -> impl futures_util::Stream<Item = Result<Vec<u32>, AppError>> {
        stream::iter((0..count).map(|page| Ok(vec![2 * page, 2 * page + 1])))
    }

    #[tokio::test]
    async fn all_pages_are_one_document() {
        assert_eq!(sent(pages(0)).await.unwrap(), "{\"status\":\"success\",\"data\":[],\"count\":0}");
        assert_eq!(sent(pages(2)).await.unwrap(), "{\"status\":\"success\",\"data\":[0,1,2,3],\"count\":4}");
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_read_to_its_end_is_broken_off() {
        let gone = || stream::once(async { Err(AppError::Orders(StoreError::unavailable("gone"))) });
        assert_eq!(sent(pages(2).chain(gone())).await, None);
        let panics = stream::once(async { panic!("a store") });
        assert_eq!(sent(pages(2).chain(panics)).await, None);
    }

    #[tokio::test]
    async fn whoever_stops_reading_stops_the_reader() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let endless = stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(vec![1])
        });
        let answer = answer(endless.boxed(), head(), Numbers).await.unwrap();
        let mut body = answer.into_body().into_data_stream();
        body.next().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        // The first page, one that waits to be taken, and one that waits for its place.
        assert!(asked.load(Ordering::Relaxed) <= 3);
        drop(body);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(Arc::strong_count(&asked) == 1, "the reader has ended");
    }
}
