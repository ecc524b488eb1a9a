//! A device that knows several nodes of its cloud, without a balancer before them.

use super::{cloud, is_in_the_cloud, node_of, owner_at_any};
use crate::postgres::Postgres;
use crate::range::{AGREE_MAX, Range, address, until};

/// The first place has nobody, the node at the second dies: the device goes on with the third by
/// itself.
#[test]
fn a_device_goes_on_with_another_node_of_its_cloud() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let range = Range::new();
    let key = cloud(&range, "cloud");
    let url = server.url();
    let [first, second] = ["first", "second"].map(|name| {
        node_of(&range, "cloud", name);
        range.start_with(name, &[], &["--store", &url])
    });
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let places = [
        nobody.local_addr().unwrap().to_string(),
        address(&first),
        address(&second),
    ];
    let owner = owner_at_any(&range, &places.join(","), &key);
    range.score("owner", "1", "1");
    until("it is at the first", AGREE_MAX, || is_in_the_cloud(&owner));
    first.kill().unwrap();
    range.score("owner", "2", "1");
    until("it is at the second", AGREE_MAX, || is_in_the_cloud(&owner));
    let told = range.done("owner", &["sync", "now"]);
    for place in &places {
        assert!(told.contains(place), "all places are named: {told}");
    }
}
