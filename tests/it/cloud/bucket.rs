//! A bucket of a test's own: what a node needs of S3 over plain HTTP, objects in memory.
//!
//! Shows that the questions are right. It checks no signature, knows no rights, answers at once, and never
//! fails: what a real service does then is not shown by it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Objects by their paths; parts of one under way have its path, a `#` and their number.
type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A running server; it ends with the test's process.
pub(super) struct Bucket {
    port: u16,
    objects: Objects,
}

/// What was asked.
struct Asked {
    method: String,
    path: String,
    query: String,
    range: Option<(usize, usize)>,
    body: Vec<u8>,
}

impl Bucket {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let objects = Objects::default();
        let held = Arc::clone(&objects);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let held = Arc::clone(&held);
                thread::spawn(move || serve(stream, &held));
            }
        });
        Self { port, objects }
    }

    /// What a node's environment says of it.
    pub(super) fn settings(&self) -> [String; 5] {
        [
            format!("AWS_ENDPOINT=http://127.0.0.1:{}", self.port),
            "AWS_ALLOW_HTTP=true".to_owned(),
            "AWS_REGION=here".to_owned(),
            "AWS_ACCESS_KEY_ID=key".to_owned(),
            "AWS_SECRET_ACCESS_KEY=secret".to_owned(),
        ]
    }

    pub(super) fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.objects.lock().unwrap().get(path).cloned()
    }

    pub(super) fn put(&self, path: &str, bytes: Vec<u8>) {
        self.objects.lock().unwrap().insert(path.to_owned(), bytes);
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
}

/// Answers what comes on one connection until the client closes it.
fn serve(stream: TcpStream, objects: &Objects) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream) {
        let (status, more, body) = answer(&asked, &mut objects.lock().unwrap());
        let length = if asked.method == "HEAD" {
            more.parse().unwrap_or(0)
        } else {
            body.len()
        };
        let head = format!(
            "HTTP/1.1 {status} OK\r\nContent-Length: {length}\r\nETag: \"tag\"\r\n\
             Last-Modified: Sat, 09 May 2026 08:00:00 GMT\r\n"
        );
        let range = if status == 206 {
            format!("Content-Range: {more}\r\n")
        } else {
            String::new()
        };
        let bytes = [head.as_bytes(), range.as_bytes(), b"\r\n", &body].concat();
        if stream.get_mut().write_all(&bytes).is_err() {
            return;
        }
    }
}

/// Returns status, what a header says of the object, and the body.
fn answer(asked: &Asked, objects: &mut BTreeMap<String, Vec<u8>>) -> (u16, String, Vec<u8>) {
    let done = |text: &str| (200, String::new(), text.as_bytes().to_vec());
    let path = &asked.path;
    match (
        asked.method.as_str(),
        objects.get(path),
        asked.query.as_str(),
    ) {
        ("HEAD", Some(bytes), _) => (200, bytes.len().to_string(), Vec::new()),
        ("GET", Some(bytes), _) => match asked.range {
            Some((from, end)) => {
                let end = end.min(bytes.len());
                let said = format!("bytes {from}-{}/{}", end - 1, bytes.len());
                (206, said, bytes[from..end].to_vec())
            }
            None => (200, String::new(), bytes.clone()),
        },
        ("PUT", _, "") => {
            objects.insert(path.clone(), asked.body.clone());
            done("")
        }
        ("PUT", _, query) => {
            let number = query
                .split('&')
                .find_map(|it| it.strip_prefix("partNumber="));
            let number: u32 = number.unwrap().parse().unwrap();
            objects.insert(format!("{path}#{number:05}"), asked.body.clone());
            done("")
        }
        ("POST", _, "uploads" | "uploads=") => done(
            "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>\
             <UploadId>1</UploadId></InitiateMultipartUploadResult>",
        ),
        ("POST", _, _) => {
            let start = format!("{path}#");
            let parts = objects.extract_if(start.clone().., |name, _| name.starts_with(&start));
            let whole: Vec<u8> = parts.flat_map(|(_, bytes)| bytes).collect();
            objects.insert(path.clone(), whole);
            done(
                "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket>\
                 <Key>k</Key><ETag>\"tag\"</ETag></CompleteMultipartUploadResult>",
            )
        }
        ("DELETE", _, _) => {
            objects.remove(path);
            (204, String::new(), Vec::new())
        }
        _ => (404, String::new(), Vec::new()),
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (mut length, mut range) = (0, None);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "range" => {
                let (from, last) = value.strip_prefix("bytes=")?.split_once('-')?;
                range = Some((from.parse().ok()?, last.parse::<usize>().ok()? + 1));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Asked {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        range,
        body,
    })
}
