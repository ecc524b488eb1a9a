//! Moments at which the laboratory's binary ends itself, so that a test can strike at each of them.
//!
//! A call is one line where a process must be able to die. Without the feature `failpoints` it is
//! compiled to nothing; only the binary `tallyline-lab`, which is never shipped, has the feature.
//! What strikes is said by `TALLYLINE_FAILPOINT`: a [`Site`]'s name, which of its passings, counted
//! from 1, and `kill` or (at [`Site::AfterCommit`]) `misreport`, as in `after-commit:3:kill`; several
//! with commas between them. Layer: node, below everything.

/// A moment at which a process may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// The store's file is not open yet.
    BeforeOpen,
    /// A fresh store is made and does not have its name yet.
    BeforeName,
    /// The store is open.
    AfterOpen,
    /// A damaged store is about to be moved aside.
    BeforeSetAside,
    /// A damaged store is moved aside, and there is no other.
    AfterSetAside,
    /// A step is to be committed; its transaction has not begun.
    BeforeBegin,
    /// An entry is in the transaction, others may follow.
    BetweenEntries,
    /// Everything is in the transaction.
    BeforeCommit,
    /// The transaction is on disk and nobody knows it.
    AfterCommit,
    /// The manifest is in the store and not beside it.
    BeforeKeepManifest,
    /// The manifest is in the store and beside it.
    AfterKeepManifest,
    /// What a step makes known is known to nobody yet.
    BeforeRelease,
    /// Frames are in their queues, a reply is not given.
    BeforeReply,
    /// A reply is given inside the process.
    AfterReply,
    /// Everything that a step makes known is on its way.
    AfterRelease,
    /// A frame is about to be sent.
    BeforeSend,
    /// A frame is sent.
    AfterSend,
    /// An answer is about to be written to a client.
    BeforeAnswer,
    /// An answer is written to a client.
    AfterAnswer,
    /// A commit failed, and the store is about to be opened again.
    BeforeReopen,
    /// The store is open again after a failure, and nobody is told.
    AfterReopen,
    /// The store is about to be closed in order.
    BeforeClose,
    /// The store is closed.
    AfterClose,
}

impl Site {
    /// All of them, roughly in the order in which a process passes them.
    pub const ALL: [Self; 23] = [
        Self::BeforeOpen,
        Self::BeforeName,
        Self::AfterOpen,
        Self::BeforeSetAside,
        Self::AfterSetAside,
        Self::BeforeBegin,
        Self::BetweenEntries,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeKeepManifest,
        Self::AfterKeepManifest,
        Self::BeforeRelease,
        Self::BeforeReply,
        Self::AfterReply,
        Self::AfterRelease,
        Self::BeforeSend,
        Self::AfterSend,
        Self::BeforeAnswer,
        Self::AfterAnswer,
        Self::BeforeReopen,
        Self::AfterReopen,
        Self::BeforeClose,
        Self::AfterClose,
    ];

    /// Returns the name that `TALLYLINE_FAILPOINT` has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeOpen => "before-open",
            Self::BeforeName => "before-name",
            Self::AfterOpen => "after-open",
            Self::BeforeSetAside => "before-set-aside",
            Self::AfterSetAside => "after-set-aside",
            Self::BeforeBegin => "before-begin",
            Self::BetweenEntries => "between-entries",
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
            Self::BeforeKeepManifest => "before-keep-manifest",
            Self::AfterKeepManifest => "after-keep-manifest",
            Self::BeforeRelease => "before-release",
            Self::BeforeReply => "before-reply",
            Self::AfterReply => "after-reply",
            Self::AfterRelease => "after-release",
            Self::BeforeSend => "before-send",
            Self::AfterSend => "after-send",
            Self::BeforeAnswer => "before-answer",
            Self::AfterAnswer => "after-answer",
            Self::BeforeReopen => "before-reopen",
            Self::AfterReopen => "after-reopen",
            Self::BeforeClose => "before-close",
            Self::AfterClose => "after-close",
        }
    }
}

/// Passes a site: the process may die here.
pub(crate) fn pass(site: Site) {
    // Whoever only passes has nothing to misreport.
    let _misreports = misreports(site);
}

/// Passes a site after something that worked; returns whether it is to be reported as failed.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn misreports(_site: Site) -> bool {
    false
}

#[cfg(feature = "failpoints")]
pub(crate) use armed::misreports;

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Site;
    use crate::config;

    /// What strikes, read once.
    static ARMED: OnceLock<Vec<Armed>> = OnceLock::new();

    #[derive(Debug)]
    struct Armed {
        site: Site,
        /// How often the site is passed until it strikes; past that it wraps and never matters.
        left: AtomicU64,
        what: What,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum What {
        Kill,
        Misreport,
    }

    /// Passes a site after something that worked; returns whether it is to be reported as failed.
    pub(crate) fn misreports(site: Site) -> bool {
        let mut misreports = false;
        let armed = ARMED.get_or_init(|| read(&config::failpoints()));
        for it in armed.iter().filter(|it| it.site == site) {
            if it.left.fetch_sub(1, Ordering::Relaxed) != 1 {
                continue;
            }
            match it.what {
                What::Kill => die(),
                What::Misreport => misreports = true,
            }
        }
        misreports
    }

    /// Ends the process as `kill -9` does: nothing is unwound, closed or flushed.
    fn die() {
        let killed =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        tracing::error!(?killed, "the signal that ends everything did not");
        std::process::abort();
    }

    /// A list that nobody can read would strike nowhere, and a test would take that for a pass.
    fn read(text: &str) -> Vec<Armed> {
        let armed = text.split(',').filter(|it| !it.is_empty()).map(one);
        armed.collect::<Option<_>>().unwrap_or_else(|| {
            tracing::error!(text, "these failpoints cannot be read");
            std::process::abort()
        })
    }

    fn one(text: &str) -> Option<Armed> {
        let mut parts = text.split(':');
        let name = parts.next()?;
        let nth = parts.next()?.parse().ok().filter(|nth| 0 < *nth)?;
        let what = match parts.next()? {
            "kill" => What::Kill,
            "misreport" => What::Misreport,
            _ => return None,
        };
        let site = Site::ALL.into_iter().find(|site| site.name() == name)?;
        parts.next().is_none().then_some(Armed {
            site,
            left: AtomicU64::new(nth),
            what,
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_list_says_site_turn_and_what() {
            let [first, second] = &read("after-commit:3:misreport,before-send:1:kill")[..] else {
                panic!("two of them");
            };
            assert_eq!(
                (first.site, first.what),
                (Site::AfterCommit, What::Misreport)
            );
            assert_eq!(first.left.load(Ordering::Relaxed), 3);
            assert_eq!((second.site, second.what), (Site::BeforeSend, What::Kill));
            assert!(read("").is_empty(), "nothing is armed by itself");
            for wrong in [
                "after-commit",
                "nowhere:1:kill",
                "after-commit:0:kill",
                "after-commit:1:stop",
            ] {
                assert!(one(wrong).is_none(), "{wrong}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = Site::ALL.map(Site::name).into();
        assert_eq!(names.len(), Site::ALL.len());
    }

    #[cfg(not(feature = "failpoints"))]
    #[test]
    fn without_the_feature_nothing_strikes() {
        for site in Site::ALL {
            assert!(!misreports(site), "{site:?}");
        }
    }
}
