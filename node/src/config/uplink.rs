//! Where the cloud is that a device carries entries to.
//!
//! Layer: node, config.

use std::str::FromStr;

use tallyline_keys::PublicKey;

use super::{ConfigError, HostPort, Layers};

/// Most addresses of a cloud: a device tries all of them at a time.
const PLACES_MAX: usize = 8;

/// Where the cloud's nodes are, and who they must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// Their addresses (`host:port`), 1 to 8; the first one that answers is talked to.
    pub addresses: Vec<String>,
    /// The cloud's key; who is neither it nor has its warrant is told nothing.
    pub key: PublicKey,
}

/// Addresses with commas between.
struct Places(Vec<String>);

impl FromStr for Places {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let places = text.split(',').map(|it| it.trim().parse::<HostPort>());
        let places: Vec<HostPort> = places.collect::<Result<_, ()>>()?;
        if PLACES_MAX < places.len() {
            return Err(());
        }
        Ok(Self(places.into_iter().map(|it| it.0).collect()))
    }
}

/// Addresses and key come from one pair of values, wherever each stands.
pub(super) fn cloud(layers: &Layers) -> Result<Option<Cloud>, ConfigError> {
    let address_advice =
        "write host:port, for example cloud.example:4433, or up to 8 with commas between";
    let key_advice = "write the whole fingerprint that `tallyline init` printed in the cloud";
    let places: Option<Places> = layers.read("cloud", address_advice, |raw| raw.cloud.clone())?;
    let key = layers.read("cloud_key", key_advice, |raw| raw.cloud_key.clone())?;
    match (places, key) {
        (Some(places), Some(key)) => Ok(Some(Cloud {
            addresses: places.0,
            key,
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::HalfCloud {
            given: "cloud",
            missing: "cloud_key",
        }),
        (None, Some(_)) => Err(ConfigError::HalfCloud {
            given: "cloud_key",
            missing: "cloud",
        }),
    }
}
