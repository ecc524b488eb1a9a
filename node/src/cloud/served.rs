//! The events of a cloud node, as HTTP serves them.
//!
//! Layer: node, cloud; above `api`'s contract.

use super::events::Events;
use crate::api::{self, Active, Asked, EventLine, Open};
use crate::local::protocol::{Problem, codes, exits};

impl api::Events for Events {
    fn find<'a>(&'a self, name: Option<&'a str>) -> Asked<'a, Result<Open, Problem>> {
        Box::pin(async move {
            match self.served(name).await {
                // How the node does is asked of a cloud without any event, too.
                Err(problem) if name.is_none() && problem.code == codes::NO_EVENT => {
                    Ok(self.nobody())
                }
                other => other,
            }
        })
    }

    fn list(&self) -> Asked<'_, Vec<EventLine>> {
        Box::pin(async move {
            let listed = Self::list(self).await.unwrap_or_default();
            let line = |it: &crate::root::events::Shelved| EventLine {
                event: it.event.uuid().to_string(),
                name: it.name.clone(),
                public: true,
            };
            listed.iter().map(line).collect()
        })
    }

    fn active(&self) -> Asked<'_, Result<Active, Problem>> {
        Box::pin(async move { Ok(self.opened()) })
    }

    fn store_bytes(&self) -> Asked<'_, Result<Option<u64>, Problem>> {
        Box::pin(async move {
            self.shelf().bytes().await.map_err(|error| {
                let text = format!("the store does not answer ({error}); what was saved is safe");
                Problem::new(codes::BAD_STORE, exits::STORAGE, text)
            })
        })
    }
}
