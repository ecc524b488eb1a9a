//! Floods of handshakes, from one address and from invented ones.

use super::*;

/// Collects first datagrams of handshakes, each of its own connection.
async fn first_flights(count: usize) -> Vec<Vec<u8>> {
    let sink = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = sink.local_addr().unwrap();
    let node = Node::start(config(30));
    let mut dials = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (hub, pinned) = (node.net.hub.clone(), Expected::Key(node.key));
        dials.spawn(async move { hub.doors().dial(&[target], &pinned).await });
    }
    let mut flights = std::collections::BTreeMap::new();
    let mut buffer = [0; 2_048];
    while flights.len() < count {
        let length = timeout(DEADLINE, sink.recv(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        // A long header: flags, version, length of the destination's id, the id.
        flights.insert(buffer[6..14].to_vec(), buffer[..length].to_vec());
    }
    dials.shutdown().await;
    close(&[&node]).await;
    flights.into_values().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_invented_addresses_keeps_no_member_out() {
    let flights = first_flights(200).await;
    let two = Node::start(config(2));
    let mut sockets = Vec::new();
    for (source, flight) in flights.iter().enumerate() {
        let source = [127, 0, 1, u8::try_from(source).unwrap()];
        let socket = std::net::UdpSocket::bind(SocketAddr::from((source, 0))).unwrap();
        socket.send_to(flight, two.address()).unwrap();
        socket.set_nonblocking(true).unwrap();
        sockets.push(socket);
    }
    let one = Node::dialling(1, &[&two]);
    two.admit(&[&one]);
    one.admit(&[&two]);
    let began = Instant::now();
    until("the member is in", || {
        two.is_linked(&one) && one.is_linked(&two)
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    let begun = two.net.hub.endpoints()[0].stats().accepted_handshakes;
    assert!(
        begun <= 20,
        "{begun} handshakes begun; the others had to prove their address"
    );
    let retries = sockets.iter().filter(|socket| was_asked_to_retry(socket));
    let retries = retries.count();
    // Those that did not even fit into the queue of 64 were refused by QUIC itself.
    assert!(retries > 16, "{retries} had to prove their address");
    assert!(two.noted(Cause::AddressUnproven) > 16, "all are counted");
    let lines = two.net.security().lines;
    let flood = lines.iter().filter(|it| it.cause == Cause::AddressUnproven);
    assert!(flood.count() <= 2, "and do not fill the log");
    close(&[&one, &two]).await;
}

/// Tells whether a socket received a Retry: a long header of type 3.
fn was_asked_to_retry(socket: &std::net::UdpSocket) -> bool {
    let mut buffer = [0; 2_048];
    let received = socket.recv(&mut buffer);
    received.is_ok_and(|length| 0 < length && buffer[0] & 0xf0 == 0xf0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_is_not_finished_is_given_up_after_five_seconds() {
    let flights = first_flights(3).await;
    let two = Node::start(config(2));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let began = Instant::now();
    for flight in flights {
        socket.send_to(&flight, two.address()).unwrap();
    }
    until("given up", || two.noted(Cause::HandshakeSlow) == 3).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(5), "{took:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    let open = || two.net.hub.endpoints()[0].open_connections();
    until("nothing is kept of them", || open() == 0).await;
    close(&[&two]).await;
}
