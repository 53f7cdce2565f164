//! Which of the servers that share a store this one is, and who else is there.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use status_adapters::cluster::{Cluster, Peer, Peers};
use status_core::{Monitor, Role};
use utoipa::ToSchema;

/// Who leads, of several servers on one store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
pub struct ClusterView {
    /// `leader`: this server acts. `follower`: another one does, and this one knows the same.
    pub role: &'static str,
    /// What this server is called: `STATUS_INSTANCE`.
    pub instance: String,
    /// What the one that leads is called; null if that is not known.
    pub leader: Option<String>,
    /// Since when it leads.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// What those are called that follow and were there within the last ten seconds, this server included if it follows.
    pub followers: Vec<String>,
    /// Whether the database does not answer, so that another server may lead by now.
    pub database_is_away: bool,
}

impl ClusterView {
    /// Of the servers on this one's store; `None` if no other can be there.
    #[must_use]
    pub fn of(monitor: &Monitor, cluster: Option<&dyn Cluster>) -> Option<Self> {
        let leadership = monitor.leadership();
        let Peers { me, leader, followers, trouble, .. } = cluster?.peers();
        let leads = leadership.role() == Role::Leader;
        let leader =
            if leads { Some(Peer { instance: me.clone(), since: leadership.since() }) } else { leader };
        Some(Self {
            role: if leads { "leader" } else { "follower" },
            instance: me,
            since: leader.as_ref().map(|leader| leader.since.to_string()),
            leader: leader.map(|leader| leader.instance),
            followers,
            database_is_away: trouble.is_some() || leadership.is_cut_off(monitor.now().time),
        })
    }

    /// A text that is the same as long as all of it is.
    #[must_use]
    pub fn revision(&self) -> String {
        let mut hash = DefaultHasher::new();
        self.hash(&mut hash);
        format!("{:x}", hash.finish())
    }

    /// Whether it leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.role == "leader"
    }
}
