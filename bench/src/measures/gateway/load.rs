//! A light client: kept connections, a thread each, one request at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Connections, each with the request that it makes again and again.
pub(super) struct Load {
    connections: Vec<(Connection, Vec<u8>)>,
}

/// What a turn gave.
pub(super) struct Turn {
    /// From the first request to the last answer.
    pub(super) took: Duration,
    /// What each request took.
    pub(super) latencies: Vec<Duration>,
}

impl Load {
    /// Opens a connection for each request.
    pub(super) fn new(address: SocketAddr, requests: &[Vec<u8>]) -> io::Result<Self> {
        let open = |request: &Vec<u8>| Ok((Connection::open(address)?, request.clone()));
        Ok(Self { connections: requests.iter().map(open).collect::<io::Result<_>>()? })
    }

    /// Makes that many requests on each connection. An answer other than 200 is an error.
    pub(super) fn turn(&mut self, requests: u32) -> io::Result<Turn> {
        let begun = Instant::now();
        let all: io::Result<Vec<Vec<Duration>>> = thread::scope(|scope| {
            let threads: Vec<_> = self
                .connections
                .iter_mut()
                .map(|(connection, request)| scope.spawn(|| connection.make(request, requests)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked"))))
                .collect()
        });
        Ok(Turn { took: begun.elapsed(), latencies: all?.concat() })
    }
}

/// A kept connection.
pub(super) struct Connection {
    stream: TcpStream,
    /// What came.
    buffer: Vec<u8>,
}

/// An answer.
pub(super) struct Answer<'a> {
    pub(super) head: &'a str,
    pub(super) body: &'a str,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // A server that hangs must not hang the measure.
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream, buffer: vec![0; 64 << 10] })
    }

    fn make(&mut self, request: &[u8], times: u32) -> io::Result<Vec<Duration>> {
        let mut latencies = Vec::with_capacity(times as usize);
        for _ in 0..times {
            let begun = Instant::now();
            self.ask(request)?;
            latencies.push(begun.elapsed());
        }
        Ok(latencies)
    }

    /// Makes a request, and gives its answer, which must be a 200.
    pub(super) fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request)?;
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[length..])?;
            if read == 0 {
                return Err(io::Error::other("the connection ended within an answer"));
            }
            length += read;
            if let Some((head, whole)) = extent(&self.buffer[..length])
                && length >= whole
            {
                let text = |bytes| std::str::from_utf8(bytes).map_err(io::Error::other);
                let (head, body) = (text(&self.buffer[..head])?, text(&self.buffer[head..whole])?);
                if !head.starts_with("HTTP/1.1 200 ") {
                    return Err(io::Error::other(format!("{head}{body}")));
                }
                return Ok(Answer { head, body });
            }
        }
    }
}

/// Where an answer's head ends, and where its body does, as soon as that can be seen.
fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let length = std::str::from_utf8(&bytes[..head])
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?
        .parse::<usize>()
        .ok()?;
    Some((head, head + length))
}
