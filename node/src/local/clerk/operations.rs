//! Requests about the connections of a node and the cloud's own event.
//!
//! Layer: node, local.

use tallyline_proto::replica::Phase;

use super::super::protocol::{Answer, CloudRebuild, Problem, codes, exits};
use super::{Clerk, done};
use crate::root::Mode;

/// Most addresses that one rebuild dials: the devices of a large venue.
const FROM_MAX: usize = 64;

impl Clerk {
    /// Dials everybody at once, unless a person paused it.
    pub(super) fn hurry(&self) -> Result<Answer, Problem> {
        if self.network.paused() == "all" {
            return Err(Problem::new(
                codes::PAUSED,
                exits::PENDING,
                "connections are paused by a person; nothing was sent; run `tallyline sync resume` \
                 first",
            ));
        }
        self.network.hurry();
        Ok(done("Everybody who is not connected is dialled now."))
    }

    /// Lets a cloud that lost its store take its event from whoever has it.
    pub(super) async fn rebuild(&self, rebuild: CloudRebuild) -> Result<Answer, Problem> {
        if self.here.mode != Mode::Cloud {
            return Err(Problem::new(
                codes::NOT_THE_CLOUD,
                exits::USAGE,
                "this node is no cloud; nothing was changed; start the one that lost its store, \
                 with its old key, by `tallyline run --mode cloud`",
            ));
        }
        if FROM_MAX < rebuild.from.len() {
            return Err(Problem::new(
                codes::BAD_VALUE,
                exits::USAGE,
                format!("{FROM_MAX} addresses are enough; nothing was changed; name fewer"),
            ));
        }
        let phase = self.driver.query(|replica, _| replica.phase()).await?;
        if phase == Phase::Member {
            // It has its event: what it lacks comes from whoever connects.
            self.network.seek_event(&rebuild.from);
            return Ok(done("The event is here; what it lacks is fetched."));
        }
        self.network.seek_event(&rebuild.from);
        Ok(done(
            "This cloud takes its event from the first device that has it: one that it dials, or \
             one that dials it.",
        ))
    }
}
