//! HTTP/2, by the library beneath hyper's: it lets a connection's window be changed.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use hearth_agent::link::sock_diag::Connection;
use hearth_proto::load::MOST_FRAME;
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::connection::Life;
use super::window::{self, Window};
use super::{Server, now, service};

/// Largest frame taken: a whole one is held for each connection.
const MAX_FRAME: u32 = 64 << 10;
/// Bytes of a download that may wait to be framed. Probes pass them by.
const SEND_BUFFER: usize = 4 * MOST_FRAME;
/// Largest head of a request.
const MAX_HEAD: u32 = 16 << 10;

/// Whom to answer, and what that needs.
pub(super) struct Talk {
    pub(super) connection: Connection,
    pub(super) server: Arc<Server>,
    pub(super) life: Arc<Life>,
}

/// Answers what comes over `io` until that ends. Notified by `closing` it takes no more, and
/// ends when all is answered.
pub(super) async fn serve<S>(io: S, talk: Talk, closing: &Notify) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = Builder::new();
    // The connection's window is the one that counts.
    builder
        .initial_window_size(window::MOST)
        .initial_connection_window_size(window::FIRST)
        .max_frame_size(MAX_FRAME)
        .max_concurrent_streams(talk.life.limits().streams)
        .max_header_list_size(MAX_HEAD)
        .max_send_buffer_size(SEND_BUFFER);
    let mut http = builder.handshake(io).await?;
    let (began, mut window) = (now(), Window::new());
    let mut closed = pin!(closing.notified());
    let mut is_closing = false;
    loop {
        let asked = poll_fn(|cx| {
            if !is_closing && closed.as_mut().poll(cx).is_ready() {
                is_closing = true;
                http.graceful_shutdown();
            }
            // Whatever comes wakes this task.
            let (passed, received) = (now().duration_since(began), talk.life.received());
            if window.is_due(passed, received) {
                let round_trip = talk.server.round_trip(&talk.connection);
                if let Some(octets) = window.look(passed, received, round_trip) {
                    http.set_target_window_size(octets);
                }
            }
            pin!(http.accept()).poll(cx)
        });
        let Some(asked) = asked.await else { return Ok(()) };
        let (request, respond) = asked?;
        let (server, life) = (Arc::clone(&talk.server), Arc::clone(&talk.life));
        let local = talk.connection.local;
        tokio::spawn(async move {
            if let Err(error) = answer(request, respond, local, &server, &life).await {
                tracing::trace!(%error, "a stream broke off");
            }
        });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    local: SocketAddr,
    server: &Server,
    life: &Arc<Life>,
) -> Result<(), h2::Error> {
    let request = request.map(Incoming);
    let answered = service::answer(request, local, &server.place, life, &server.counters).await;
    let (mut head, mut content) = answered.into_parts();
    if let Some(octets) = content.size_hint().exact().filter(|_| !content.is_end_stream()) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(octets));
    }
    let head = Response::from_parts(head, ());
    let mut stream = respond.send_response(head, content.is_end_stream())?;
    while !content.is_end_stream() {
        let Some(octets) = content.next() else {
            return stream.send_data(Bytes::new(), true);
        };
        // What the client lets through is seen to by the library; here it is only waited
        // until some of it may go.
        stream.reserve_capacity(1);
        while stream.capacity() == 0 {
            match poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(capacity) => drop(capacity?),
                // Its client wants no more.
                None => return Ok(()),
            }
        }
        stream.send_data(octets, content.is_end_stream())?;
    }
    Ok(())
}

/// What a client sends.
struct Incoming(RecvStream);

impl Body for Incoming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        Poll::Ready(match ready!(self.0.poll_data(cx)) {
            Some(Ok(octets)) => {
                let taken = self.0.flow_control().release_capacity(octets.len());
                Some(taken.map(|()| Frame::data(octets)))
            }
            // An early end that is none of the client's faults (RFC 9113, section 8.1).
            Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) => None,
            Some(Err(error)) => Some(Err(error)),
            None => None,
        })
    }
}

impl Server {
    /// The kernel's word on a connection's round trip, queues included; none where it
    /// doesn't tell.
    fn round_trip(&self, connection: &Connection) -> Option<Duration> {
        let mut kernel = self.kernel.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let counts = kernel.as_mut()?.ask(connection).ok()??;
        (counts.rtt_us > 0).then(|| Duration::from_micros(counts.rtt_us))
    }
}
