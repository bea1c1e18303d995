//! Lists of any length as one JSON document, written page by page: memory holds one page, whatever the list.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use provesi_core::{AppError, BoxStream};
use serde::Serialize;
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
    let pages = stream::iter(first.map(Ok)).chain(pages).boxed();
    let writer = Writer { pages, rows, begun: Some(head), count: 0, span: Span::current() };
    let chunks = stream::unfold(Some(writer), |writer| async move {
        let mut writer = writer?;
        match writer.chunk().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(writer))),
            Ok(None) => Some((Ok(writer.end()), None)),
            Err(error) => {
                // The request's span has the request id, and was left when the answer began.
                writer.span.in_scope(|| error::log(&error));
                Some((Err(error), None))
            }
        }
    });
    // Compression asks once more after the end.
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, JSON)], Body::from_stream(chunks.fuse())).into_response())
}

struct Writer<R: Rows> {
    pages: BoxStream<Result<Vec<R::Item>, AppError>>,
    rows: R,
    /// What was written and not sent yet.
    begun: Option<Vec<u8>>,
    count: u64,
    span: Span,
}

impl<R: Rows> Writer<R> {
    /// A page of items; `None` after the last one.
    async fn chunk(&mut self) -> Result<Option<Bytes>, AppError> {
        let Some(page) = self.pages.next().instrument(self.span.clone()).await.transpose()? else { return Ok(None) };
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
