//! Keys that are refused: revoked ones, those that broke the rules, and clones.

use super::*;
use crate::security::Cause;

impl Node {
    fn noted(&self, cause: Cause) -> u64 {
        let seen = self.net.security();
        seen.counts.get(&cause).copied().unwrap_or_default()
    }

    /// Returns the keys that the security log names for a cause.
    fn named(&self, cause: Cause) -> Vec<PublicKey> {
        let lines = self.net.security().lines.into_iter();
        let lines = lines.filter(|line| line.cause == cause);
        lines.filter_map(|line| line.who.key).collect()
    }
}

/// Waits until a connection ends, and returns the code with which the other side ended it.
async fn code(connection: &quinn::Connection) -> u64 {
    match timeout(DEADLINE, connection.closed()).await.unwrap() {
        quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("ended otherwise: {other}"),
    }
}

/// Waits so long for real, while something must not happen.
async fn quiet_for(seconds: u64) {
    let later = Instant::now() + Duration::from_secs(seconds);
    until("time passes", || Instant::now() >= later).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_with_one_key_are_both_served_and_the_alarm_is_raised_once() {
    let two = Node::start(config(2));
    let (one, clone) = (Node::dialling(1, &[&two]), Node::dialling(1, &[&two]));
    two.admit(&[&one]);
    one.admit(&[&two]);
    clone.admit(&[&two]);
    until("both", || two.keys() == [one.key, one.key]).await;
    until("both hear", || one.is_linked(&two) && clone.is_linked(&two)).await;
    until("the alarm", || !two.net.clones().is_empty()).await;
    quiet_for(1).await;
    assert_eq!(two.downs(), 0, "nobody was kicked out");
    let alarm = two.net.clones()[0];
    let mut places = [alarm.addresses.0, alarm.addresses.1];
    let mut expected = [one.address(), clone.address()];
    places.sort_unstable();
    expected.sort_unstable();
    assert_eq!((alarm.key, places), (one.key, expected), "who and where");
    assert_eq!(two.noted(Cause::Clone), 1, "one line");
    assert!(one.net.clones().is_empty(), "a peer sees one of it");
    close(&[&one, &clone, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_is_closed_at_once_and_does_not_come_back() {
    let two = Node::start(config(2));
    let (one, connection) = raw(1, &two).await;
    two.admit(&[&one]);
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    let hello = framing::framed(HELLO).unwrap();
    send.write_all(&hello).await.unwrap();
    until("up", || two.is_linked(&one)).await;
    let began = Instant::now();
    two.admit(&[]);
    assert_eq!(code(&connection).await, 10, "the key was revoked");
    assert!(began.elapsed() < Duration::from_secs(1), "within a second");
    assert_eq!(two.named(Cause::Revoked), [one.key], "noted");

    one.net.hub.configure(&[two.address().to_string()]);
    one.admit(&[&two]);
    until("refused", || 1 < two.noted(Cause::Revoked)).await;
    quiet_for(1).await;
    assert_eq!(two.ups(), 1, "not as a stranger either");
    let joiner = Node::dialling(3, &[&two]);
    joiner.admit(&[&two]);
    until("a joiner gets in", || two.ups() == 2).await;
    two.admit(&[&one]);
    until("a member again", || two.keys().contains(&one.key)).await;
    close(&[&one, &two, &joiner]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_opened_afresh_revokes_nobody() {
    let (one, two) = pair().await;
    two.net.link().reset();
    two.admit(&[]);
    until("one is back, as a stranger", || {
        one.ups() >= 2 && two.is_linked(&one)
    })
    .await;
    assert_eq!(two.noted(Cause::Revoked), 0, "nobody");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_broke_the_rules_three_times_is_refused_and_its_address_is_not() {
    let two = Node::start(config(2));
    for time in 1..=3 {
        let (bad, connection) = raw(10, &two).await;
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(&framing::framed(HELLO).unwrap())
            .await
            .unwrap();
        until("up", || two.is_linked(&bad)).await;
        let peer = two.net.links()[0].peer;
        if time == 2 {
            // One of the three by the length of a frame, which the core never sees.
            send.write_all(&[0xff, 0xff, 0xff]).await.unwrap();
            assert_eq!(code(&connection).await, 7, "broken");
        } else {
            two.net.link().close(peer, Reason::Demerits);
            assert_eq!(code(&connection).await, 9, "refused");
        }
        close(&[&bad]).await;
    }
    let (bad, connection) = raw(10, &two).await;
    assert_eq!(code(&connection).await, 11, "barred");
    assert_eq!(two.named(Cause::Barred)[0], bad.key, "noted");
    let honest = Node::dialling(11, &[&two]);
    two.admit(&[&honest]);
    honest.admit(&[&two]);
    until("same address", || two.is_linked(&honest)).await;
    close(&[&bad, &honest, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barred_key_is_not_dialled_either() {
    // A cloud dials nobody, so whoever dials here is the one that barred it.
    let two = Node::start(NetConfig {
        mode: Mode::Cloud,
        ..config(2)
    });
    let one = Node::dialling(1, &[&two]);
    one.admit(&[&two]);
    two.admit(&[&one]);
    for _ in 0..3 {
        until("linked", || one.is_linked(&two) && two.is_linked(&one)).await;
        let ups = one.ups();
        let peer = one.net.links()[0].peer;
        one.net.link().close(peer, Reason::Demerits);
        until("ended", || ups == one.downs()).await;
    }
    // What was under way comes to its end.
    quiet_for(1).await;
    let begun = || two.net.hub.endpoints()[0].stats().accepted_handshakes;
    let before = begun();
    quiet_for(3).await;
    assert!(one.net.links().is_empty(), "nobody talks to it");
    assert_eq!(begun(), before, "nobody dials it");
    close(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_core_refuses_is_noted_with_key_and_address() {
    let (one, two) = pair().await;
    let peer = two.net.links()[0].peer;
    two.net.link().notice(&Notice::Refused {
        peer,
        reason: Reason::BadSignature,
        text: "a head that does not hold".into(),
    });
    let seen = two.net.security();
    let line = seen.lines.first().unwrap();
    assert_eq!(line.cause, Cause::Refused(Reason::BadSignature), "why");
    let address = Some(two.net.links()[0].address);
    assert_eq!(
        (line.who.key, line.who.address),
        (Some(one.key), address),
        "who"
    );
    assert_eq!(line.text, "a head that does not hold", "what");
    close(&[&one, &two]).await;
}
