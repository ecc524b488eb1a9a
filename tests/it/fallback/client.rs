//! Somebody on a cloud's HTTPS port who is no device.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tallyline::net::{PROBE_PATH, UPLINK_PATH};
use tallyline_keys::tls::outer_client_config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long an answer may take on a loaded machine.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Somebody who speaks HTTPS to a cloud.
pub(super) struct Client {
    runtime: Arc<Runtime>,
    address: String,
}

/// A tunnel of somebody who is no device.
#[derive(Debug)]
pub(super) struct Tunnel {
    runtime: Arc<Runtime>,
    socket: WebSocketStream<TlsStream<TcpStream>>,
}

impl Client {
    pub(super) fn of(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self {
            runtime: Arc::new(runtime),
            address: address.to_owned(),
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let tls = TlsConnector::from(Arc::new(outer_client_config().unwrap()));
        let name = ServerName::try_from("cloud.example").unwrap();
        tls.connect(name, stream).await.unwrap()
    }

    fn get(&self, path: &str) -> String {
        self.runtime.block_on(async {
            let mut stream = self.connect().await;
            let asked = format!("GET {path} HTTP/1.0\r\nHost: cloud.example\r\n\r\n");
            stream.write_all(asked.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // An end without a goodbye is one, too.
            let read = timeout(ANSWER_MAX, stream.read_to_end(&mut answer));
            read.await.unwrap().ok();
            String::from_utf8(answer).unwrap()
        })
    }

    /// Returns the status of an answer.
    pub(super) fn status(&self, path: &str) -> u16 {
        let answer = self.get(path);
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Asks who is there.
    pub(super) fn probe(&self, nonce: &str) -> Value {
        let answer = self.get(&format!("{PROBE_PATH}?nonce={nonce}"));
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// Opens a tunnel as a proxy on this machine does for somebody elsewhere, or returns the status of
    /// the refusal.
    pub(super) fn tunnel(&self, from: &str) -> Result<Tunnel, u16> {
        let mut request = format!("wss://cloud.example{UPLINK_PATH}")
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert("x-forwarded-for", from.parse().unwrap());
        let opened = self.runtime.block_on(async {
            let stream = self.connect().await;
            let opening = timeout(ANSWER_MAX, client_async(request, stream));
            opening.await.unwrap()
        });
        match opened {
            Ok((socket, _)) => Ok(Tunnel {
                runtime: Arc::clone(&self.runtime),
                socket,
            }),
            Err(Error::Http(refused)) => Err(refused.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects, says nothing, and waits until the cloud has enough of it.
    pub(super) fn silent_end(&self) {
        self.runtime.block_on(async {
            let mut stream = self.connect().await;
            let mut nothing = Vec::new();
            let read = timeout(ANSWER_MAX, stream.read_to_end(&mut nothing));
            read.await.unwrap().ok();
            assert_eq!(nothing, b"");
        });
    }
}

impl Tunnel {
    fn send(&mut self, message: Message) {
        let sent = self.socket.send(message);
        self.runtime.block_on(sent).unwrap();
    }

    pub(super) fn send_binary(&mut self, bytes: &[u8]) {
        self.send(Message::binary(bytes.to_vec()));
    }

    pub(super) fn send_text(&mut self, text: &str) {
        self.send(Message::text(text.to_owned()));
    }

    /// The far end answers signs of life, after what QUIC may have to say.
    pub(super) fn is_open(&mut self) {
        self.send(Message::Ping(vec![7].into()));
        self.runtime.block_on(async {
            let answered = async {
                loop {
                    match self.socket.next().await.unwrap().unwrap() {
                        Message::Pong(_) => return,
                        Message::Binary(_) => {}
                        other @ (Message::Text(_)
                        | Message::Ping(_)
                        | Message::Close(_)
                        | Message::Frame(_)) => panic!("{other:?}"),
                    }
                }
            };
            timeout(ANSWER_MAX, answered).await.unwrap();
        });
    }

    /// The far end ends it.
    pub(super) fn ends(&mut self) {
        self.runtime.block_on(async {
            let over = async { while let Some(Ok(_)) = self.socket.next().await {} };
            timeout(ANSWER_MAX, over).await.unwrap();
        });
    }
}
