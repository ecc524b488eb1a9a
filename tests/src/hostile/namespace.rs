//! One network namespace with one link, for what must not be heard outside: multicast.
//!
//! Needs root and iproute2. Named as the venue lab names its own, so that what a killed process
//! left behind is removed by the lab's next run. Layer: below the cases.

use std::fs::File;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::thread;

use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::Broken;

/// The address that the nodes inside have.
pub const NODES: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 1);

/// The address that an attacker inside sends from.
pub const ATTACKER: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 66);

/// Where mDNS is spoken (RFC 6762).
pub const MDNS: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 251), 5_353);

/// A network namespace; removed when it is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace with a link on which both addresses are.
    ///
    /// # Errors
    /// With what is missing on this machine.
    pub fn create() -> Result<Self, String> {
        let namespace = Self {
            name: format!("tally-{}-hostile", std::process::id()),
        };
        let name = &namespace.name;
        for step in [
            format!("netns add {name}"),
            format!("-n {name} link set lo up"),
            format!("-n {name} link add v0 type veth peer name v1"),
            format!("-n {name} link set v0 up"),
            format!("-n {name} link set v1 up"),
            format!("-n {name} addr add {NODES}/24 dev v0"),
            format!("-n {name} addr add {ATTACKER}/24 dev v0"),
            format!("-n {name} route add 224.0.0.0/4 dev v0"),
        ] {
            ip(&step).map_err(|why| format!("network namespaces need root and iproute2: {why}"))?;
        }
        Ok(namespace)
    }

    /// Returns what a program is started through to be inside.
    pub fn before(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Does something on a thread that is inside; sockets that it makes stay inside.
    ///
    /// # Errors
    /// If the thread does not get inside, or what it does fails.
    pub fn inside<T: Send>(
        &self,
        what: impl FnOnce() -> Result<T, Broken> + Send,
    ) -> Result<T, Broken> {
        let path = format!("/run/netns/{}", self.name);
        let done = thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let link = File::open(&path).map_err(Broken::of)?;
                move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network))
                    .map_err(Broken::of)?;
                what()
            });
            inside.join()
        });
        done.unwrap_or_else(|_| Err(Broken::new("a thread inside a namespace panicked")))
    }

    /// Opens a socket that sends mDNS from the attacker's address.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn mouth(&self) -> Result<UdpSocket, Broken> {
        self.inside(|| shared_port(ATTACKER))
    }

    /// Opens a socket that hears all mDNS.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn ear(&self) -> Result<UdpSocket, Broken> {
        self.inside(|| {
            let socket = shared_port(Ipv4Addr::UNSPECIFIED)?;
            let joined = socket.join_multicast_v4(&MDNS.0, &NODES);
            joined.map_err(Broken::of)?;
            socket.set_nonblocking(true).map_err(Broken::of)?;
            Ok(socket)
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the lab's next run.
        drop(ip(&format!("netns del {}", self.name)));
    }
}

/// Opens a socket on the port of mDNS, which others have, too.
fn shared_port(address: Ipv4Addr) -> Result<UdpSocket, Broken> {
    let socket =
        rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).map_err(Broken::of)?;
    sockopt::set_socket_reuseaddr(&socket, true).map_err(Broken::of)?;
    sockopt::set_socket_reuseport(&socket, true).map_err(Broken::of)?;
    let place = std::net::SocketAddrV4::new(address, MDNS.1);
    rustix::net::bind(&socket, &place).map_err(Broken::of)?;
    Ok(UdpSocket::from(socket))
}

fn ip(args: &str) -> Result<(), String> {
    let mut command = Command::new("ip");
    command.args(args.split(' ')).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {args}: {}", said.trim()))
}
