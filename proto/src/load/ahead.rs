//! What is read of a stream before its caller asks for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Room to read into ahead of a caller that reads in small pieces, as TLS does: fewer
/// system calls under load. Without room, each read goes to the stream itself.
#[derive(Debug, Default)]
pub struct Ahead {
    octets: Vec<u8>,
    start: usize,
    end: usize,
}

impl Ahead {
    /// Whether there is no room yet.
    pub fn is_off(&self) -> bool {
        self.octets.is_empty()
    }

    /// Makes room for so many octets, unless some wait to be given.
    pub fn make_room(&mut self, octets: usize) {
        if self.start == self.end {
            self.octets = vec![0; octets];
        }
    }

    /// Reads into `buffer`, what was read ahead first, and at most `most` octets ahead. The
    /// answer is how many octets came from `stream`: 0 at its end, and where none was asked
    /// of it.
    pub fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        if self.start < self.end {
            self.give(buffer);
            return Poll::Ready(Ok(0));
        }
        if buffer.remaining() >= self.octets.len() {
            let before = buffer.filled().len();
            ready!(Pin::new(stream).poll_read(cx, buffer))?;
            return Poll::Ready(Ok(buffer.filled().len() - before));
        }
        let most = most.min(self.octets.len());
        let mut ahead = ReadBuf::new(&mut self.octets[..most]);
        ready!(Pin::new(stream).poll_read(cx, &mut ahead))?;
        let came = ahead.filled().len();
        (self.start, self.end) = (0, came);
        self.give(buffer);
        Poll::Ready(Ok(came))
    }

    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let octets = buffer.remaining().min(self.end - self.start);
        buffer.put_slice(&self.octets[self.start..self.start + octets]);
        self.start += octets;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// One read of `small` octets: what came from the stream, and what was given.
    fn read(ahead: &mut Ahead, stream: &mut &[u8], small: usize, most: usize) -> (usize, Vec<u8>) {
        let mut given = vec![0; small];
        let mut buffer = ReadBuf::new(&mut given);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(came) = ahead.poll_read(stream, &mut cx, &mut buffer, most) else {
            panic!("a slice is always ready")
        };
        (came.unwrap(), buffer.filled().to_vec())
    }

    #[test]
    fn all_is_given_once_and_in_order_with_few_reads() {
        let all: Vec<u8> = (0..100).collect();
        for (room, reads) in [(0, 34), (64, 2), (1000, 1)] {
            let (mut ahead, mut stream) = (Ahead::default(), &all[..]);
            assert!(ahead.is_off());
            ahead.make_room(room);
            let (mut given, mut asked) = (Vec::new(), 0);
            while given.len() < all.len() {
                let (came, some) = read(&mut ahead, &mut stream, 3, usize::MAX);
                asked += usize::from(came > 0);
                given.extend(some);
            }
            assert_eq!((given, asked), (all.clone(), reads), "{room}");
            assert_eq!(read(&mut ahead, &mut stream, 3, usize::MAX), (0, Vec::new()), "the end");
        }
    }

    #[test]
    fn no_more_is_read_ahead_than_allowed_and_nothing_is_lost_for_room() {
        let (mut ahead, mut stream) = (Ahead::default(), &[7_u8; 50][..]);
        ahead.make_room(40);
        assert_eq!(read(&mut ahead, &mut stream, 2, 10), (10, vec![7; 2]));
        ahead.make_room(20);
        assert_eq!(read(&mut ahead, &mut stream, 9, 10), (0, vec![7; 8]), "what waited");
        assert_eq!(stream.len(), 40);
    }
}
