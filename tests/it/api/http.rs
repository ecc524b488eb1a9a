//! A small client of HTTP/1.1, server-sent events and `WebSocket`: what a test needs to see of an
//! answer, byte by byte.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tallyline_tests::process::Process;

use super::described;
use crate::range::wait_for;

/// How long an answer may take on a loaded machine.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Where a node serves HTTP, and as whom it is asked.
#[derive(Clone)]
pub(crate) struct Web {
    address: String,
    token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Web {
    /// Where a node says that it serves HTTP.
    pub(crate) fn of(node: &Process) -> Self {
        let address = node.ready()["http"][0].as_str().unwrap().to_owned();
        let token = None;
        Self { address, token }
    }

    /// Asks as somebody.
    pub(crate) fn with(&self, token: &str) -> Self {
        let token = Some(token.to_owned());
        Self {
            token,
            ..self.clone()
        }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path, &[], body.to_string().as_bytes())
    }

    /// Asks once.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let (mut stream, mut head) = self.begin(method, path, headers);
        write!(
            head,
            "Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )
        .unwrap();
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        // A node that refuses a body does not read all of it.
        stream.get_mut().write_all(&bytes).ok();
        let reply = read_reply(&mut stream, method);
        let kind = (reply.status, reply.header("content-type"));
        described::check(method, path, kind, &reply.body);
        reply
    }

    /// Sends half of a body, nothing more, and returns what is answered.
    pub(crate) fn stall(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        read_reply(&mut self.send_half(method, path, body), method)
    }

    /// Sends half of a body and closes the connection.
    pub(crate) fn break_off(&self, method: &str, path: &str, body: &[u8]) {
        drop(self.send_half(method, path, body));
    }

    fn send_half(&self, method: &str, path: &str, body: &[u8]) -> BufReader<TcpStream> {
        let (mut stream, head) = self.begin(method, path, &[]);
        let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        stream.get_mut().write_all(&body[..body.len() / 2]).unwrap();
        stream
    }

    /// Asks as nobody, who may ask ten times a second: waits when that is over.
    pub(crate) fn patient(&self, path: &str) -> Reply {
        wait_for("not asked too often", ANSWER_MAX, || {
            Some(self.get(path)).filter(|it| it.status != 429)
        })
    }

    fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (BufReader<TcpStream>, String) {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            write!(head, "Authorization: Bearer {token}\r\n").unwrap();
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        (BufReader::new(stream), head)
    }

    /// Connects and asks nothing.
    pub(crate) fn idle(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Returns whether one more connection is closed by the node before anything was asked.
    pub(crate) fn is_closed_at_once(&self) -> bool {
        let mut stream = self.idle();
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        matches!(stream.read(&mut [0]), Ok(0))
    }

    /// Opens a stream of server-sent events.
    pub(crate) fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        self.stream_if(path, headers).expect("a stream")
    }

    /// Opens a stream of server-sent events; `None` if there is none for who asks.
    pub(crate) fn stream_if(&self, path: &str, headers: &[(&str, &str)]) -> Option<Stream> {
        let (mut stream, head) = self.begin("GET", path, headers);
        stream
            .get_mut()
            .write_all(format!("{head}\r\n").as_bytes())
            .unwrap();
        let (status, headers) = read_head(&mut stream);
        if matches!(status, 429 | 503) {
            return None;
        }
        let kind = headers.iter().find(|(name, _)| name == "content-type");
        assert_eq!(status, 200, "{headers:?}");
        assert_eq!(kind.unwrap().1, "text/event-stream");
        Some(Stream {
            stream,
            text: String::new(),
        })
    }

    /// Opens a WebSocket.
    pub(crate) fn socket(&self, path: &str) -> Socket {
        let upgrade = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let (mut stream, head) = self.begin("GET", path, &upgrade);
        stream
            .get_mut()
            .write_all(format!("{head}\r\n").as_bytes())
            .unwrap();
        let (status, headers) = read_head(&mut stream);
        assert_eq!(status, 101, "{headers:?}");
        let accept = headers
            .iter()
            .find(|(name, _)| name == "sec-websocket-accept");
        assert_eq!(accept.unwrap().1, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        Socket(stream)
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// Returns the data of an answer that has to be one.
    pub(crate) fn good(&self) -> Value {
        let told = self.json();
        assert_eq!(self.status, 200, "{told}");
        told
    }

    /// Checks that the answer is a problem, and returns it.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let told = self.json();
        assert_eq!(
            (self.status, told["code"].as_str()),
            (status, Some(code)),
            "{told}"
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(told["status"], status);
        assert!(
            told["detail"].as_str().unwrap().len() > 20,
            "says what to do: {told}"
        );
        told
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }

    /// Returns what stands in a cookie, and how it is to be kept.
    pub(crate) fn cookie(&self, name: &str) -> (String, String) {
        let cookies = self.headers.iter().filter(|(it, _)| it == "set-cookie");
        let start = format!("{name}=");
        let mut values = cookies.filter_map(|(_, value)| value.strip_prefix(&start));
        let (value, how) = values.next().unwrap().split_once("; ").unwrap();
        (value.to_owned(), how.to_owned())
    }
}

/// A stream of server-sent events.
pub(crate) struct Stream {
    stream: BufReader<TcpStream>,
    text: String,
}

/// One event of a stream.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Stream {
    /// Waits for the next event; `None` at the stream's end.
    pub(crate) fn next(&mut self) -> Option<Event> {
        loop {
            let Some((event, rest)) = self.text.split_once("\n\n") else {
                let chunk = read_chunk(&mut self.stream)?;
                self.text.push_str(&String::from_utf8(chunk).unwrap());
                continue;
            };
            let field = |name: &str| {
                let start = format!("{name}: ");
                let found = event.lines().find_map(|line| line.strip_prefix(&start));
                found.unwrap_or_default().to_owned()
            };
            let (id, kind, data) = (field("id"), field("event"), field("data"));
            self.text = rest.to_owned();
            if !kind.is_empty() {
                let data = serde_json::from_str(&data).unwrap();
                return Some(Event { id, kind, data });
            }
        }
    }

    /// Waits for so many scores; returns their ids, and where the stream stands then.
    pub(crate) fn scores(&mut self, count: usize) -> (Vec<String>, String) {
        let mut seen = Vec::new();
        loop {
            let event = self.next().unwrap();
            seen.extend(ids(&event.data));
            if count <= seen.len() {
                return (seen, event.id);
            }
        }
    }
}

/// Returns the entries of a message.
pub(crate) fn ids(message: &Value) -> Vec<String> {
    let entries = message["entries"].as_array().unwrap().iter();
    entries
        .map(|it| it["entry"].as_str().unwrap().to_owned())
        .collect()
}

/// A WebSocket.
pub(crate) struct Socket(BufReader<TcpStream>);

impl Socket {
    /// Waits for the next text; `None` when the node closes.
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).ok()?;
            let length = match head[1] {
                126 => {
                    let mut bytes = [0; 2];
                    self.0.read_exact(&mut bytes).unwrap();
                    usize::from(u16::from_be_bytes(bytes))
                }
                127 => panic!("longer than any message of a test"),
                length => usize::from(length),
            };
            let mut bytes = vec![0; length];
            self.0.read_exact(&mut bytes).unwrap();
            match head[0] & 0x0f {
                1 => return Some(serde_json::from_slice(&bytes).unwrap()),
                8 => return None,
                _ => {}
            }
        }
    }

    /// Sends a short text, masked with zeros.
    pub(crate) fn say(&mut self, text: &str) {
        let mut bytes = vec![0x81];
        if let Some(length) = u8::try_from(text.len()).ok().filter(|it| *it < 126) {
            bytes.push(0x80 | length);
        } else {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        }
        bytes.extend([0; 4]);
        bytes.extend(text.as_bytes());
        self.0.get_mut().write_all(&bytes).unwrap();
    }
}

/// Reads an answer to its end.
fn read_reply(stream: &mut BufReader<TcpStream>, method: &str) -> Reply {
    let (status, headers) = read_head(stream);
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value.contains("chunked"));
    let mut body = Vec::new();
    if chunked {
        while let Some(chunk) = read_chunk(stream) {
            body.extend(chunk);
        }
    } else if let Some((_, length)) = headers.iter().find(|(name, _)| name == "content-length")
        && method != "HEAD"
        && status != 304
    {
        body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut body).unwrap();
    }
    Reply {
        status,
        headers,
        body,
    }
}

fn read_head(stream: &mut BufReader<TcpStream>) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line
        .split(' ')
        .nth(1)
        .unwrap_or_else(|| panic!("{line:?}"))
        .parse()
        .unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return (status, headers);
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
}

/// Reads one chunk; `None` at the end.
fn read_chunk(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let length = usize::from_str_radix(line.trim(), 16).ok()?;
    let mut bytes = vec![0; length + 2];
    stream.read_exact(&mut bytes).ok()?;
    bytes.truncate(length);
    (0 < length).then_some(bytes)
}
