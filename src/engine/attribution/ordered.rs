//! Attributed visits in the order of user, time and establishment.
//!
//! Only users are sorted by their ids. The visits of a shard lie by user already, and a user's are few: no row is
//! compared with a row of another user, and no text but the users' own.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, StringViewArray};

use super::shards::AllVisits;
use crate::attribution::{Credit, Evidence, Visit};

/// Visits by shard, and the order of all users by id.
pub struct InOrder {
    visits: Arc<AllVisits>,
    /// By shard.
    evidence: Vec<Evidence>,
    /// The shard of each user, and the number there, in the order of the ids.
    users: Vec<(u32, u32)>,
    /// Their ids.
    pub ids: StringViewArray,
}

/// Visits whose user is the number of an id in their order.
#[derive(Default)]
pub struct OrderedRows {
    /// The visits.
    pub visits: Vec<Visit>,
    /// How far each was from its establishment, if that is wanted.
    pub distances_m: Vec<Option<f64>>,
    /// The credit of each.
    pub credits: Vec<Option<Credit>>,
}

impl InOrder {
    /// The `visits` of all shards, each of them sorted; their `evidence`, and the ids of their users.
    pub fn new(visits: Arc<AllVisits>, evidence: Vec<Evidence>, ids: &[StringViewArray]) -> Self {
        let text = |(shard, user): (u32, u32)| ids[shard as usize].value(user as usize);
        let of_shard = |(shard, ids): (usize, &StringViewArray)| {
            (0..ids.len() as u32).map(move |user| (shard as u32, user)).collect::<Vec<_>>()
        };
        let users = ids.iter().enumerate().flat_map(of_shard);
        let mut users: Vec<_> = users.map(|user| (first_bytes(text(user)), user)).collect();
        users.sort_unstable_by(|(a, of_a), (b, of_b)| a.cmp(b).then_with(|| text(*of_a).cmp(text(*of_b))));
        let users: Vec<_> = users.into_iter().map(|(_, user)| user).collect();
        let ids = StringViewArray::from_iter_values(users.iter().map(|user| text(*user)));
        Self { visits, evidence, users, ids }
    }

    /// The users in as many parts as there are `tasks`.
    pub fn parts(&self, tasks: usize) -> Vec<Range<usize>> {
        let users = self.users.len();
        (0..tasks).map(|task| task * users / tasks..(task + 1) * users / tasks).collect()
    }

    /// The visits of users from the first of `users` on, until there are `enough`; what is left of `users` comes next.
    pub fn rows(&self, users: &mut Range<usize>, enough: usize) -> OrderedRows {
        let mut rows = OrderedRows::default();
        while rows.visits.len() < enough
            && let Some(rank) = users.next()
        {
            let (shard, user) = self.users[rank];
            let (shard, evidence) = (&self.visits.shards[shard as usize], &self.evidence[shard as usize]);
            let of_user = shard.of_user(user as usize);
            let visits = &shard.visits[of_user.clone()];
            rows.credits.extend(visits.iter().map(|visit| evidence.credit(visit)));
            rows.visits.extend(visits.iter().map(|visit| Visit { user: rank as u32, ..*visit }));
            rows.distances_m.extend(shard.distances_m.get(of_user).into_iter().flatten());
        }
        rows
    }
}

/// The first bytes as a number that grows with the text: most ids differ in them.
fn first_bytes(text: &str) -> u128 {
    let mut first = [0; 16];
    let length = text.len().min(16);
    first[..length].copy_from_slice(&text.as_bytes()[..length]);
    u128::from_be_bytes(first)
}
