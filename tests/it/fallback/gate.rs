//! A firewall before a cloud: it lets UDP through or swallows it, and leads TCP to the cloud or to a
//! page of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tallyline_keys::DeviceKey;
use tallyline_keys::tls::{Identity, outer_server_config};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Where TCP leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tcp {
    /// Nowhere: connections end at once.
    Closed,
    /// To the cloud.
    Cloud,
    /// To somebody else.
    Other(SocketAddr),
    /// To a page in plain text, whatever is asked.
    Page(&'static str),
    /// To a page inside of TLS, whatever is asked.
    SecurePage(&'static str),
}

/// A firewall with one device behind it; ends when it is dropped.
pub(super) struct Gate {
    _runtime: Runtime,
    address: SocketAddr,
    udp: Arc<AtomicBool>,
    tcp: watch::Sender<Tcp>,
}

impl Gate {
    /// Stands before a cloud's UDP and TCP addresses; it lets TCP through and swallows UDP.
    pub(super) fn to(udp: &str, tcp: &str) -> Self {
        let (udp_to, tcp_to): (SocketAddr, SocketAddr) =
            (udp.parse().unwrap(), tcp.parse().unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (listener, front) = runtime.block_on(both());
        let address = listener.local_addr().unwrap();
        let udp = Arc::new(AtomicBool::new(false));
        let (tcp, leads) = watch::channel(Tcp::Cloud);
        let lets = Arc::clone(&udp);
        // Ends with the runtime.
        drop(runtime.spawn(async move {
            tokio::join!(
                datagrams(front, udp_to, lets),
                streams(listener, tcp_to, leads)
            );
        }));
        Self {
            _runtime: runtime,
            address,
            udp,
            tcp,
        }
    }

    /// Returns what devices take for the cloud's address.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Lets UDP through, or swallows it.
    pub(super) fn let_udp(&self, through: bool) {
        self.udp.store(through, Ordering::Relaxed);
    }

    /// Leads TCP elsewhere; connections that are open end.
    pub(super) fn set(&self, tcp: Tcp) {
        self.tcp.send_replace(tcp);
    }
}

/// Binds one port number for both.
async fn both() -> (TcpListener, UdpSocket) {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        // Taken by chance: the next number.
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()).await {
            return (listener, socket);
        }
    }
}

async fn datagrams(front: UdpSocket, to: SocketAddr, lets: Arc<AtomicBool>) {
    let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut dialler = None;
    let (mut one, mut other) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        // What cannot be sent is lost, as on any network.
        tokio::select! {
            Ok((length, from)) = front.recv_from(&mut one) => {
                dialler = Some(from);
                if lets.load(Ordering::Relaxed) {
                    back.send_to(&one[..length], to).await.ok();
                }
            }
            Ok((length, _)) = back.recv_from(&mut other) => {
                if let Some(dialler) = dialler.filter(|_| lets.load(Ordering::Relaxed)) {
                    front.send_to(&other[..length], dialler).await.ok();
                }
            }
            else => return,
        }
    }
}

async fn streams(listener: TcpListener, cloud: SocketAddr, mut leads: watch::Receiver<Tcp>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let tcp = leads.borrow().clone();
                open.spawn(lead(stream, tcp, cloud));
            }
            changed = leads.changed() => {
                open.shutdown().await;
                if changed.is_err() {
                    return;
                }
            }
        }
        while open.try_join_next().is_some() {}
    }
}

async fn lead(mut stream: TcpStream, tcp: Tcp, cloud: SocketAddr) {
    let to = match tcp {
        Tcp::Closed => return,
        Tcp::Cloud => cloud,
        Tcp::Other(to) => to,
        Tcp::Page(page) => return show(&mut stream, page).await,
        Tcp::SecurePage(page) => {
            let identity = Identity::new(&DeviceKey::from_seed([99; 32])).unwrap();
            let config = outer_server_config(&identity).unwrap();
            if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
                show(&mut stream, page).await;
            }
            return;
        }
    };
    if let Ok(mut far) = TcpStream::connect(to).await {
        copy_bidirectional(&mut stream, &mut far).await.ok();
    }
}

/// Answers whatever is asked first with a page, and waits until the asker has gone: what is unread
/// at the end would take the page away with it.
async fn show(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), page: &str) {
    let mut asked = [0; 1_024];
    if stream.read(&mut asked).await.is_err() || stream.write_all(page.as_bytes()).await.is_err() {
        return;
    }
    stream.shutdown().await.ok();
    while stream.read(&mut asked).await.is_ok_and(|length| 0 < length) {}
}
