//! Who may what: roles are sets of scopes, in one table, the same at a venue and in the cloud.
//!
//! Layer: node, api.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody is at an event, as a token carries it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May everything.
    Owner,
    /// As the owner, but for accounts.
    CoOwner,
    /// Takes scores.
    Ro,
    /// Takes scores of court matches and races, and writes incidents.
    #[serde(rename = "referee")]
    Official,
    /// Looks at videos, and decides about incidents.
    Var,
    /// The office: people, devices, files, conflicts. Takes no scores.
    #[serde(rename = "admin")]
    Office,
    /// Follows shooters: reads scores, keeps plans.
    Coach,
    /// Reads scores and reports.
    Media,
    /// Reads the board and scores.
    Spectator,
}

/// One thing that a role may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The board, its stream, standings, the event's structure.
    Board,
    /// Scores and their history.
    ScoresRead,
    /// Recording and voiding scores.
    ScoresWrite,
    /// Recording and voiding any score, without claiming the match first.
    ScoresAny,
    /// Who has claimed what.
    ClaimsRead,
    /// Claiming and giving back.
    ClaimsWrite,
    /// Coverage plans of one's own.
    Plans,
    /// Incidents, with what is sealed in them as far as the node reads it.
    IncidentsRead,
    /// Records beyond scores and incidents, as far as the node reads them.
    RecordsRead,
    /// Writing incidents and reports about them.
    IncidentsWrite,
    /// Deciding about incidents.
    Decide,
    /// Counting entries or rejecting them, whatever they would be by themselves.
    Adopt,
    /// What needs a person.
    ConflictsRead,
    /// Devices and where the scores are.
    DevicesRead,
    /// Grants.
    GrantsRead,
    /// Opening and closing grants.
    GrantsWrite,
    /// Reports.
    Reports,
    /// Everything about the event in a file, and as JSON for other programs.
    Export,
    /// Taking files and entries in.
    Import,
    /// A device's own part: the whole event to take along, signed entries to hand in.
    Sync,
    /// Accounts.
    Accounts,
}

/// Every role, in the order in which people name them.
pub(super) const ROLES: [Role; 9] = [
    Role::Owner,
    Role::CoOwner,
    Role::Ro,
    Role::Official,
    Role::Var,
    Role::Office,
    Role::Coach,
    Role::Media,
    Role::Spectator,
];

/// Which roles have a scope.
const TABLE: [(Scope, &[Role]); 21] = {
    use Role::{CoOwner, Coach, Media, Office, Official, Owner, Ro, Var};
    use Scope as May;
    [
        (May::Board, &ROLES),
        (May::ScoresRead, &ROLES),
        (May::ScoresWrite, &[Owner, CoOwner, Ro, Official]),
        (May::ScoresAny, &[Owner, CoOwner]),
        (
            May::ClaimsRead,
            &[Owner, CoOwner, Ro, Official, Var, Office, Coach],
        ),
        (May::ClaimsWrite, &[Owner, CoOwner, Ro, Official]),
        (
            May::Plans,
            &[Owner, CoOwner, Ro, Official, Var, Office, Coach],
        ),
        (
            May::IncidentsRead,
            &[Owner, CoOwner, Ro, Official, Var, Office],
        ),
        (
            May::RecordsRead,
            &[Owner, CoOwner, Ro, Official, Var, Office],
        ),
        (May::IncidentsWrite, &[Owner, CoOwner, Ro, Official, Var]),
        (May::Decide, &[Owner, CoOwner, Var, Office]),
        (May::Adopt, &[Owner, CoOwner, Var, Office]),
        (May::ConflictsRead, &[Owner, CoOwner, Var, Office]),
        (May::DevicesRead, &[Owner, CoOwner, Ro, Official, Office]),
        (May::GrantsRead, &[Owner, CoOwner, Ro, Official, Office]),
        (May::GrantsWrite, &[Owner, CoOwner]),
        (
            May::Reports,
            &[Owner, CoOwner, Ro, Official, Var, Office, Media],
        ),
        (May::Export, &[Owner, CoOwner, Office]),
        (May::Import, &[Owner, CoOwner, Office]),
        (May::Sync, &[Owner, CoOwner, Ro, Official, Var, Office]),
        (May::Accounts, &[Owner]),
    ]
};

/// What a device that scores may. It writes in its own open cells alone (`scores`), and reads what every
/// member reads: nothing that is sealed.
const SCORES: &[Scope] = {
    use Scope as May;
    &[
        May::Board,
        May::ScoresRead,
        May::ScoresWrite,
        May::ClaimsRead,
        May::ClaimsWrite,
        May::Plans,
        May::IncidentsWrite,
        May::DevicesRead,
        May::GrantsRead,
        May::Reports,
        May::Sync,
    ]
};

/// What members of the event may that ask with their device's key, by the roles of the device. The node
/// signs what it records for them, so none of it is more than the core lets the device sign by
/// itself. What a deputy hands over it signs on its own device: one revocation undoes that.
const MEMBERS: [(&str, &[Scope]); 6] = {
    use Scope as May;
    [
        (
            "owner",
            &[
                May::Board,
                May::ScoresRead,
                May::ScoresWrite,
                May::ScoresAny,
                May::ClaimsRead,
                May::ClaimsWrite,
                May::Plans,
                May::IncidentsRead,
                May::RecordsRead,
                May::IncidentsWrite,
                May::Decide,
                May::Adopt,
                May::ConflictsRead,
                May::DevicesRead,
                May::GrantsRead,
                May::GrantsWrite,
                May::Reports,
                May::Export,
                May::Import,
                May::Sync,
            ],
        ),
        ("deputy", SCORES),
        (
            "jury",
            &[
                May::Board,
                May::ScoresRead,
                May::ClaimsRead,
                May::Plans,
                May::IncidentsRead,
                May::IncidentsWrite,
                May::Decide,
                May::ConflictsRead,
                May::Reports,
                May::Sync,
            ],
        ),
        ("desk", SCORES),
        ("scorer", SCORES),
        ("viewer", &[May::Board, May::ScoresRead]),
    ]
};

/// A member of the event that asks with its device's key: what it was granted at the venue holds in a
/// browser, too, and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    roles: Vec<String>,
}

impl Member {
    /// Takes a device's roles, as the event's log has them; `None` for one that may nothing here.
    pub(super) fn of(roles: &[String]) -> Option<Self> {
        let known = MEMBERS.iter().map(|(name, _)| *name);
        let roles: Vec<String> = known
            .filter(|name| roles.iter().any(|it| it == name))
            .map(str::to_owned)
            .collect();
        (!roles.is_empty()).then_some(Self { roles })
    }

    /// Returns whether one of its roles includes a scope.
    pub(super) fn may(&self, scope: Scope) -> bool {
        let mut own = MEMBERS
            .iter()
            .filter(|(name, _)| self.roles.iter().any(|it| it == name));
        own.any(|(_, scopes)| scopes.contains(&scope))
    }

    /// Returns the names of its roles.
    pub(super) fn names(&self) -> String {
        self.roles.join(", ")
    }
}

impl Role {
    /// Returns what the role may.
    pub fn scopes(self) -> Vec<Scope> {
        let rows = TABLE.iter().filter(|(_, roles)| roles.contains(&self));
        rows.map(|(scope, _)| *scope).collect()
    }

    /// Returns whether the role includes a scope.
    pub fn may(self, scope: Scope) -> bool {
        TABLE
            .iter()
            .any(|(it, roles)| *it == scope && roles.contains(&self))
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::CoOwner => "co-owner",
            Self::Ro => "ro",
            Self::Official => "referee",
            Self::Var => "var",
            Self::Office => "admin",
            Self::Coach => "coach",
            Self::Media => "media",
            Self::Spectator => "spectator",
        }
    }
}

impl Scope {
    /// Returns its name, as it stands in the API's description.
    pub fn name(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::ScoresRead => "scores-read",
            Self::ScoresWrite => "scores-write",
            Self::ScoresAny => "scores-any",
            Self::ClaimsRead => "claims-read",
            Self::ClaimsWrite => "claims-write",
            Self::Plans => "plans",
            Self::IncidentsRead => "incidents-read",
            Self::RecordsRead => "records-read",
            Self::IncidentsWrite => "incidents-write",
            Self::Decide => "decide",
            Self::Adopt => "adopt",
            Self::ConflictsRead => "conflicts-read",
            Self::DevicesRead => "devices-read",
            Self::GrantsRead => "grants-read",
            Self::GrantsWrite => "grants-write",
            Self::Reports => "reports",
            Self::Export => "export",
            Self::Import => "import",
            Self::Sync => "sync",
            Self::Accounts => "accounts",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No role is called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use owner, co-owner, ro, referee, var, admin, coach, media or spectator")]
pub struct NoRole;

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        let found = ROLES.into_iter().find(|role| role.name() == text);
        found.ok_or(NoRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_written_one_way() {
        for role in ROLES {
            assert_eq!(role.name().parse(), Ok(role));
            let json = serde_json::to_value(role).expect("a name");
            assert_eq!(json, role.name());
        }
        assert_eq!("boss".parse::<Role>(), Err(NoRole));
    }

    fn member(names: &[&str]) -> Option<Member> {
        let roles: Vec<String> = names.iter().map(|&it| it.to_owned()).collect();
        Member::of(&roles)
    }

    #[test]
    fn a_venues_roles_hold_in_a_browser() {
        let both = member(&["relay", "scorer", "jury"]).unwrap();
        assert_eq!(both.names(), "jury, scorer");
        assert!(both.may(Scope::ScoresWrite) && both.may(Scope::Decide));
        assert_eq!(member(&["gateway", "relay", "spare"]), None);
    }

    /// The node signs what it records: a device's key opens no way to have it sign what the core would
    /// not take from the device.
    #[test]
    fn a_device_may_no_more_than_the_core_lets_it() {
        let owners = [
            Scope::ScoresAny,
            Scope::Adopt,
            Scope::GrantsWrite,
            Scope::Import,
            Scope::RecordsRead,
        ];
        for name in ["deputy", "jury", "desk", "scorer", "viewer"] {
            let one = member(&[name]).unwrap();
            for scope in owners {
                assert!(!one.may(scope), "{name}: {}", scope.name());
            }
            assert_eq!(one.may(Scope::Decide), name == "jury", "{name}");
            assert_eq!(one.may(Scope::IncidentsRead), name == "jury", "{name}");
        }
        let owner = member(&["owner"]).unwrap();
        assert!(owners.into_iter().all(|it| owner.may(it)));
        assert!(!owner.may(Scope::Accounts), "they are the node's");
    }

    /// Nobody gains by having the lesser role.
    #[test]
    fn the_owner_may_what_anybody_may() {
        for role in ROLES {
            for scope in role.scopes() {
                assert!(Role::Owner.may(scope), "{role}: {}", scope.name());
            }
            assert!(role.may(Scope::Board), "{role}");
        }
        assert!(!Role::CoOwner.may(Scope::Accounts));
        assert!(
            !Role::Office.may(Scope::ScoresWrite),
            "who sits in the office saw no shot"
        );
    }
}
