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
    for (source, flight) in flights.iter().enumerate() {
        let source = [127, 0, 1, u8::try_from(source).unwrap()];
        let socket = std::net::UdpSocket::bind(SocketAddr::from((source, 0))).unwrap();
        socket.send_to(flight, two.address()).unwrap();
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
    close(&[&one, &two]).await;
}
