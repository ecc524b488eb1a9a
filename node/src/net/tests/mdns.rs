//! mDNS on this machine's network, with forged, broken and flooding records.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_of_one_event_find_each_other_by_mdns_and_others_do_not() {
    let found_on = |seed| NetConfig {
        listen: Vec::new(),
        mdns: true,
        // Away from 5353, so that neither this machine's own devices nor other tests are heard.
        mdns_port: 15_353,
        ..config(seed)
    };
    let nodes = [1, 2, 3].map(|seed| Node::start(found_on(seed)));
    let [one, two, other] = &nodes;
    for (node, discovery_key) in [(one, [1; 16]), (two, [1; 16]), (other, [2; 16])] {
        node.admit(&[one, two, other]);
        node.net.link().notice(&Notice::Discover { discovery_key });
    }
    until("linked", || one.is_linked(two) && two.is_linked(one)).await;
    let sources: Vec<_> = [one, two]
        .iter()
        .flat_map(|node| node.net.links())
        .filter(|link| link.dialled)
        .map(|link| link.source)
        .collect();
    assert_eq!(sources, [Source::Mdns], "how the dialler found it");
    assert_eq!(other.ups(), 0, "another event's tag");
    close(&[one, two, other]).await;
}
