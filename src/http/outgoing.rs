//! Answers on their way out. Their bytes that wait to be written are counted, and bounded
//! (`request/admission.rs`).

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use crate::shares::Place;

/// The bytes that are handed to a connection at once. It asks for more when it has room.
const PART: usize = 32 * 1024;
/// A stream counts for so much: the bytes that its connection buffers.
const STREAM: usize = 2 * PART;

/// The answer, which holds as many places as it has bytes until the last of them is handed to its connection.
pub(crate) fn metered(response: Response, mut room: Place<i64>) -> Response {
    let size = response.body().size_hint().exact().map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    room.resize(size.unwrap_or(STREAM));
    response.map(|body| Body::new(Metered { body, part: Bytes::new(), _room: room }))
}

struct Metered {
    body: Body,
    /// The part that was taken of the body and isn't handed over yet.
    part: Bytes,
    _room: Place<i64>,
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.part.is_empty() {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other,
            };
            match frame.into_data() {
                Ok(data) => self.part = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let size = self.part.len().min(PART);
        Poll::Ready(Some(Ok(Frame::data(self.part.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.part.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let waiting = u64::try_from(self.part.len()).unwrap_or(u64::MAX);
        let (lower, upper) = (hint.lower(), hint.upper());
        if let Some(upper) = upper {
            hint.set_upper(upper.saturating_add(waiting));
        }
        hint.set_lower(lower.saturating_add(waiting));
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::shares::Shares;

    #[tokio::test]
    async fn an_answer_goes_out_in_parts_and_holds_its_room_until_the_last() {
        let shares = Shares::new(1_000_000, 1);
        let room = shares.try_enter(&1, 5).expect("room");
        let text = "x".repeat(3 * PART + 1);
        let mut body = metered(Response::new(Body::from(text.clone())), room).into_body();
        let said = |body: &Body| body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
        assert_eq!((shares.held_by_all(), said(&body)), (text.len(), Some(text.len())));
        let mut parts = Vec::new();
        while let Some(frame) = body.frame().await {
            parts.push(frame.expect("a frame").into_data().expect("data").len());
            assert_eq!(said(&body), Some(text.len() - parts.iter().sum::<usize>()));
        }
        assert_eq!(parts, [PART, PART, PART, 1]);
        drop(body);
        assert_eq!(shares.held_by_all(), 0);
    }
}
