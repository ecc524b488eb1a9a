//! What makes a key one of a cloud's nodes: the cloud's key says so.
//!
//! An event names its cloud by one key, for good. A cloud of several machines keeps that key away from
//! them: each has a key of its own and a warrant for it, which holds for every event of the cloud.
//! Layer: above `sign`.

use core::fmt;

use crate::device::{DeviceKey, PublicKey};
use crate::sign::{Purpose, Signature, SignatureError};

/// The cloud's word that a key is one of its nodes.
///
/// Source: PROTOCOL R-CLOUD-3.
#[derive(Clone, PartialEq, Eq)]
pub struct Warrant {
    /// The cloud's key, as events name it.
    pub cloud: PublicKey,
    /// Over the node's key.
    pub signature: Signature,
}

impl Warrant {
    /// Makes a key one of a cloud's nodes.
    pub fn sign(cloud: &DeviceKey, node: &PublicKey) -> Self {
        let key = cloud.public();
        Self {
            cloud: key,
            signature: cloud.sign(Purpose::Warrant, key.as_bytes(), node.as_bytes()),
        }
    }

    /// Checks that the cloud made this key one of its nodes.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Mismatch`] if it did not.
    pub fn verify(&self, node: &PublicKey) -> Result<(), SignatureError> {
        let context = self.cloud.as_bytes();
        self.cloud
            .verify(Purpose::Warrant, context, node.as_bytes(), &self.signature)
    }
}

impl fmt::Debug for Warrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warrant")
            .field("cloud", &self.cloud)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warrant_holds_for_the_key_that_it_names_and_for_no_other() {
        let cloud = DeviceKey::from_seed([1; 32]);
        let (node, other) = (
            DeviceKey::from_seed([2; 32]).public(),
            DeviceKey::from_seed([3; 32]).public(),
        );
        let warrant = Warrant::sign(&cloud, &node);
        assert_eq!(warrant.verify(&node), Ok(()));
        assert_eq!(warrant.verify(&other), Err(SignatureError::Mismatch));
        let stolen = Warrant {
            cloud: other,
            signature: warrant.signature,
        };
        assert_eq!(stolen.verify(&node), Err(SignatureError::Mismatch));
        // What the cloud signs for another purpose is none.
        let signature = cloud.sign(Purpose::Receipt, cloud.public().as_bytes(), node.as_bytes());
        let other_use = Warrant {
            signature,
            ..warrant
        };
        assert_eq!(other_use.verify(&node), Err(SignatureError::Mismatch));
    }
}
