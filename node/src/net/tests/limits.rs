//! The bounds of the network, each held by a peer that tries to pass it.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_has_five_seconds() {
    let two = Node::start(config(2));
    let one = Node::dialling(1, &[&two]);
    one.admit(&[&two]);
    let began = Instant::now();
    until("up", || two.ups() == 1).await;
    until("down", || two.downs() == 1).await;
    let stayed = began.elapsed();
    assert!(stayed >= Duration::from_secs(5), "{stayed:?}");
    assert!(stayed < Duration::from_secs(9), "{stayed:?}");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_is_admitted_meanwhile_stays() {
    let two = Node::start(config(2));
    let one = Node::dialling(1, &[&two]);
    one.admit(&[&two]);
    until("up", || two.ups() == 1).await;
    two.admit(&[&one]);
    let later = Instant::now() + Duration::from_secs(6);
    until("six seconds", || Instant::now() >= later).await;
    assert_eq!(two.downs(), 0, "still there");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_has_sixty_four_kibibytes() {
    let two = Node::start(config(2));
    let (one, connection) = raw(1, &two).await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    let frame = framing::framed(&[1; 1_000]).unwrap();
    let began = Instant::now();
    while send.write_all(&frame).await.is_ok() {}
    assert_eq!(why(&connection).await, "stranger", "said");
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "before the five seconds"
    );
    assert!(two.frames() <= 65, "{} frames", two.frames());
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_strangers_are_served_and_a_member_still_gets_in() {
    let two = Node::start(config(2));
    let strangers: Vec<_> = (10..22).map(|seed| Node::dialling(seed, &[&two])).collect();
    for stranger in &strangers {
        stranger.admit(&[&two]);
    }
    until("eight", || two.net.links().len() == STRANGERS_MAX).await;
    let one = Node::dialling(1, &[&two]);
    two.admit(&[&one]);
    one.admit(&[&two]);
    until("the member", || two.keys().contains(&one.key)).await;
    assert!(
        two.net.links().len() <= STRANGERS_MAX + 1,
        "eight and the member"
    );
    close(&strangers.iter().chain([&one, &two]).collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_frames_end_their_connection_and_no_other() {
    let (one, two) = pair().await;
    for (seed, bytes) in [
        (10, &[0x81, 0x80, 0x04][..]),
        (11, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        (12, &[0x80, 0x00]),
    ] {
        let (bad, connection) = raw(seed, &two).await;
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        assert_eq!(why(&connection).await, "broken", "{bytes:x?}");
        close(&[&bad]).await;
    }
    assert!(one.is_linked(&two), "the others talk on");
    one.net.link().send(one.net.links()[0].peer, vec![9]);
    until("a frame", || two.frames() == 2).await;
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_sixteen_streams_are_granted() {
    let two = Node::start(config(2));
    let (one, connection) = raw(1, &two).await;
    let mut streams = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(500), connection.open_bi()).await {
        streams.push(stream.unwrap());
        assert!(streams.len() <= 16, "too many");
    }
    assert_eq!(streams.len(), 16, "granted");
    let uni = timeout(Duration::from_millis(100), connection.open_uni()).await;
    assert!(uni.is_err(), "no unidirectional streams");
    assert_eq!(connection.max_datagram_size(), None, "no datagrams");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_is_dropped_without_blocking_anybody() {
    let two = Node::start(config(2));
    let (one, connection) = raw(1, &two).await;
    two.admit(&[&one]);
    let (mut send, _never_read) = connection.open_bi().await.unwrap();
    send.write_all(&framing::framed(HELLO).unwrap())
        .await
        .unwrap();
    until("up", || two.is_linked(&one)).await;
    let peer = two.net.links()[0].peer;
    for _ in 0..2 * QUEUE_FRAMES_MAX {
        two.net.link().send(peer, vec![0; FRAME_BYTES_MAX]);
    }
    // The one datagram that says why may be lost on the way to a peer that does not read; what it
    // sends afterwards is then answered by a reset.
    let said = why(&connection).await;
    assert!(said == "unread" || said == "reset by peer", "{said}");
    until("down", || two.downs() == 1).await;
    close(&[&one, &two]).await;
}
