//! What a cloud answers that is about none of its events.
//!
//! Layer: node, cloud.

use std::sync::Arc;

use tallyline_proto::replica::Identity;

use super::events::Around;
use crate::driver::{Driver, Home, NoLink, Opener, Origin};
use crate::entropy;
use crate::local::Clerk;
use crate::local::protocol::Request;
use crate::root::{Root, RootError};
use crate::store::{InMemoryBackend, Store, StoreError};

/// Tells whether a request is about the node and not about an event.
pub(super) fn about_the_node(request: &Request) -> bool {
    matches!(
        request,
        Request::Stop(_)
            | Request::SyncPause(_)
            | Request::SyncResume(_)
            | Request::SyncNow(_)
            | Request::CloudRebuild(_)
            | Request::Security(_)
    )
}

/// Tells whether a request is about the node when no event is named.
pub(super) fn may_be_any(request: &Request) -> bool {
    matches!(
        request,
        Request::Node(_) | Request::Vitals(_) | Request::Health(_)
    )
}

/// Makes who answers what is about no event: a loop without one, on a store in memory.
pub(super) fn clerk(around: &Around) -> Result<Clerk, StoreError> {
    let opener: Opener = Box::new(|_| {
        let id = entropy::number()?;
        Store::with_backend(InMemoryBackend::new(), id).map(Into::into)
    });
    let origin = Origin {
        home: Box::new(Nobody(Arc::clone(&around.root))),
        clock: around.clock.clone(),
        opener,
    };
    let (driver, work) = Driver::prepare(origin, Arc::new(NoLink))?;
    let mut stopped = around.stop.subscribe();
    // It ends with the node: nothing that it says is kept anywhere.
    around.net.run_beside(async move {
        tokio::select! {
            () = work => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    });
    Ok(Clerk::new(
        driver,
        Arc::clone(&around.network),
        around.here.clone(),
        Arc::clone(&around.stop),
    ))
}

/// The home of no event.
struct Nobody(Arc<Root>);

impl Home for Nobody {
    fn identity(&self, store: u64) -> Identity {
        self.0.identity(store)
    }

    fn keep_manifest(&self, _manifest: &[u8]) -> Result<(), RootError> {
        Ok(())
    }

    fn kept_manifest(&self) -> Option<Vec<u8>> {
        None
    }
}
