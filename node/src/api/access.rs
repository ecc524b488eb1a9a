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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The board, its stream, standings, the event's structure.
    Board,
    /// Scores and their history.
    ScoresRead,
    /// Recording and voiding scores.
    ScoresWrite,
    /// Who has claimed what.
    ClaimsRead,
    /// Claiming and giving back.
    ClaimsWrite,
    /// Coverage plans of one's own.
    Plans,
    /// Incidents and records beyond scores.
    IncidentsRead,
    /// Writing incidents and reports about them.
    IncidentsWrite,
    /// Deciding about incidents and conflicts.
    Decide,
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
const TABLE: [(Scope, &[Role]); 18] = {
    use Role::{CoOwner, Coach, Media, Office, Official, Owner, Ro, Var};
    use Scope as May;
    [
        (May::Board, &ROLES),
        (May::ScoresRead, &ROLES),
        (May::ScoresWrite, &[Owner, CoOwner, Ro, Official]),
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
        (May::IncidentsWrite, &[Owner, CoOwner, Ro, Official, Var]),
        (May::Decide, &[Owner, CoOwner, Var, Office]),
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

    /// Returns whether the role writes scores without claiming the match first.
    pub(super) fn needs_no_claim(self) -> bool {
        matches!(self, Self::Owner | Self::CoOwner)
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

    /// Returns what a member of the event may here, by the roles of its device: what somebody was
    /// granted at the venue holds in a browser, too.
    pub fn of_device(roles: &[String]) -> Option<Self> {
        let has = |role: &str| roles.iter().any(|it| it == role);
        let table = [
            ("owner", Self::Owner),
            ("deputy", Self::CoOwner),
            ("jury", Self::Var),
            ("desk", Self::Ro),
            ("scorer", Self::Ro),
            ("viewer", Self::Spectator),
        ];
        let found = table.into_iter().find(|(name, _)| has(name));
        found.map(|(_, role)| role)
    }
}

impl Scope {
    /// Returns its name, as it stands in the API's description.
    pub fn name(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::ScoresRead => "scores-read",
            Self::ScoresWrite => "scores-write",
            Self::ClaimsRead => "claims-read",
            Self::ClaimsWrite => "claims-write",
            Self::Plans => "plans",
            Self::IncidentsRead => "incidents-read",
            Self::IncidentsWrite => "incidents-write",
            Self::Decide => "decide",
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

    #[test]
    fn a_venues_roles_hold_in_a_browser() {
        let roles = |names: &[&str]| names.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            Role::of_device(&roles(&["scorer", "owner"])),
            Some(Role::Owner)
        );
        assert_eq!(
            Role::of_device(&roles(&["scorer", "gateway"])),
            Some(Role::Ro)
        );
        assert_eq!(Role::of_device(&roles(&["gateway"])), None);
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
