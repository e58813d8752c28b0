//! Counts by user on their way out. If an order is wanted that begins with the user, users are sorted, which are few,
//! and not their rows.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array, new_null_array};
use datafusion::arrow::compute::{SortColumn, concat, lexsort_to_indices, sort_to_indices, take};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{Result as PlanResult, exec_err};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use futures::{StreamExt, TryStreamExt, stream};

use super::outlets::Outlets;
use super::shared_work::spawned;
use super::user_shares::ByUser;
use super::users::Users;
use crate::engine::guard::is_order_by_value;

/// Groups of one batch that leaves.
const GROUPS_PER_BATCH: usize = 65_536;

/// All counts, ready to leave.
pub struct UserGroups {
    schema: SchemaRef,
    /// The number of the key that is the user.
    key: usize,
    users: ArrayRef,
    /// The share of each, and the number there.
    places: Vec<(u32, u32)>,
    shares: Vec<Groups>,
    /// Combinations of the other keys in their order, by their numbers.
    combinations: Vec<u32>,
    /// Those keys in that order.
    others: Vec<ArrayRef>,
}

/// The counts of a share.
enum Groups {
    /// As many counts for each user, by the combination's number.
    Dense(Vec<u32>, usize),
    /// The user's number above the combination's place in the order, and the count, in that order.
    Sorted(Vec<(u64, u32)>),
}

impl UserGroups {
    /// Whether groups by so many keys can come in this order: by the key that is the user first, then by the others.
    pub fn can_come_in(order: &LexOrdering, user: usize, keys: usize) -> bool {
        let by_user = order[0].expr.downcast_ref::<Column>().is_some_and(|own| own.index() == user);
        let is_other = |place: usize| place != user && place < keys;
        by_user
            && is_order_by_value(order)
            && order[1..].iter().all(|key| collect_columns(&key.expr).iter().all(|own| is_other(own.index())))
    }

    /// What `users` have counted, which begin anew, in any order if none is wanted.
    pub fn of(users: &Users, order: Option<&LexOrdering>) -> PlanResult<Self> {
        let (mut ids, mut places, mut shares) = (vec![], vec![], vec![]);
        let keys = users.other_keys()?;
        let combinations = combinations_in_order(users, &keys, order.map_or(&[], |order| &order[1..]))?;
        let ranks = ranks(&combinations);
        for (number, (of_share, counts)) in (0..).zip(users.take_shares()?) {
            places.extend((0..of_share.len() as u32).map(|user| (number, user)));
            ids.push(of_share);
            shares.push(Groups::of(counts, &ranks));
        }
        let mut ids = concat(&ids.iter().map(|ids| ids as &dyn Array).collect::<Vec<_>>())?;
        if let Some(order) = order {
            let sorted = sort_to_indices(&ids, Some(order[0].options), None)?;
            places = sorted.values().iter().map(|user| places[*user as usize]).collect();
            ids = take(&ids, &sorted, None)?;
        }
        let in_order = UInt32Array::from(combinations.clone());
        let others = keys.iter().map(|key| take(key, &in_order, None)).collect::<Result<_, _>>()?;
        let (schema, key) = (Arc::clone(users.schema()), users.key());
        Ok(Self { schema, key, users: ids, places, shares, combinations, others })
    }

    /// Gives all counts away in their order, made by so many tasks.
    pub async fn give(self, tasks: usize, outlets: Outlets) -> PlanResult<()> {
        let rows: usize = self.shares.iter().map(Groups::len).sum();
        let users = self.users.len();
        let per_batch = (GROUPS_PER_BATCH * users / rows.max(1)).max(1);
        let all = Arc::new(self);
        let batch = |start: usize| {
            let all = Arc::clone(&all);
            spawned(async move { all.batch(start..users.min(start + per_batch)) })
        };
        let mut batches = stream::iter((0..users).step_by(per_batch)).map(batch).buffered(tasks);
        while let Some(batch) = batches.try_next().await? {
            outlets.send(Ok(batch)).await?;
        }
        Ok(())
    }

    fn batch(&self, users: Range<usize>) -> PlanResult<RecordBatch> {
        let (mut of_user, mut of_combination, mut counts) = (vec![], vec![], vec![]);
        for (user, (share, number)) in (0..).zip(&self.places[users.clone()]) {
            self.shares[*share as usize].for_each_of(*number, &self.combinations, |rank, count| {
                of_user.push(user);
                of_combination.push(rank);
                counts.push(count);
            });
        }
        if counts.contains(&u32::MAX) {
            return exec_err!("{} rows or more are of one user and group", u32::MAX);
        }
        let of_combination = UInt32Array::from(of_combination);
        let mut columns =
            self.others.iter().map(|key| take(key, &of_combination, None)).collect::<Result<Vec<_>, _>>()?;
        let users = self.users.slice(users.start, users.len());
        columns.insert(self.key, take(&users, &UInt32Array::from(of_user), None)?);
        let counts: ArrayRef = Arc::new(Int64Array::from_iter_values(counts.into_iter().map(i64::from)));
        columns.resize(self.schema.fields().len(), counts);
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// The numbers of the combinations, which are the rows of `keys`, in the order of `order`.
fn combinations_in_order(users: &Users, keys: &[ArrayRef], order: &[PhysicalSortExpr]) -> PlanResult<Vec<u32>> {
    let count = keys.first().map_or(1, |key| key.len());
    if order.is_empty() {
        return Ok((0..count as u32).collect());
    }
    let fields = users.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Schema::new(fields.collect::<Vec<Field>>());
    let mut columns = keys.to_vec();
    let nothing = |place: usize| new_null_array(schema.field(place).data_type(), count);
    columns.insert(users.key(), nothing(users.key()));
    columns.extend((columns.len()..schema.fields().len()).map(nothing));
    let rows = RecordBatch::try_new(Arc::new(schema.clone()), columns)?;
    let sorted = order.iter().map(|key| key.evaluate_to_sort_column(&rows)).collect::<PlanResult<Vec<SortColumn>>>()?;
    Ok(lexsort_to_indices(&sorted, None)?.values().to_vec())
}

/// The place of each combination in the order.
fn ranks(combinations: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; combinations.len()];
    (0..).zip(combinations).for_each(|(rank, combination)| ranks[*combination as usize] = rank);
    ranks
}

impl Groups {
    fn of(counts: ByUser, ranks: &[u32]) -> Self {
        if let ByUser::Dense(counts, width) = counts {
            return Self::Dense(counts, width);
        }
        let mut groups = vec![];
        counts.for_each(|user, combination, count| {
            groups.push((u64::from(user) << 32 | u64::from(ranks[combination as usize]), count));
        });
        groups.sort_unstable();
        Self::Sorted(groups)
    }

    fn len(&self) -> usize {
        match self {
            Self::Dense(counts, _) => counts.iter().filter(|count| **count > 0).count(),
            Self::Sorted(groups) => groups.len(),
        }
    }

    /// Calls `group(rank, count)` for each group of a user in the order of `combinations`.
    #[inline]
    fn for_each_of(&self, user: u32, combinations: &[u32], mut group: impl FnMut(u32, u32)) {
        match self {
            Self::Dense(counts, width) => {
                let counts = &counts[user as usize * width..][..*width];
                for (rank, combination) in (0..).zip(combinations) {
                    match counts.get(*combination as usize) {
                        None | Some(0) => {}
                        Some(count) => group(rank, *count),
                    }
                }
            }
            Self::Sorted(groups) => {
                let start = groups.partition_point(|(group, _)| group >> 32 < u64::from(user));
                let of_user = groups[start..].iter().take_while(|(group, _)| group >> 32 == u64::from(user));
                of_user.for_each(|(rank, count)| group(*rank as u32, *count));
            }
        }
    }
}
