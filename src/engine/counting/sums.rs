//! Sums over users of their counts, and of squares and products of these: what grouping by all keys but the user makes
//! of groups by user. They are made where the counts are, so that no group becomes a row.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result as PlanResult, ScalarValue, exec_err};

use super::emit::Met;
use super::user_shard::UserShard;
use super::users::UserTally;
use crate::engine::exchange::task::all;

/// The columns of sums by all keys but the user.
#[derive(Debug)]
pub struct SumsOfUsers {
    /// The keys.
    pub keys: Vec<Key>,
    /// The sums, after the keys.
    pub sums: Vec<Sum>,
    /// The output's.
    pub schema: SchemaRef,
}

/// A key of sums.
#[derive(Debug)]
pub enum Key {
    /// A key of the counts, by its number among those that are not the user.
    Other(usize),
    /// A constant.
    Constant(ScalarValue),
}

/// A sum over users.
#[derive(Debug, Clone, Copy)]
pub enum Sum {
    /// The number of users.
    Users,
    /// The count of all rows (0), or of those that meet the condition (1).
    Count(usize),
    /// The product of two counts.
    Product(usize, usize),
}

impl SumsOfUsers {
    /// The sums over all `users`, made by so many tasks; the last of their keys is a condition if `has_condition`.
    pub async fn batch(&self, users: &UserTally, has_condition: bool, tasks: usize) -> PlanResult<RecordBatch> {
        let mut keys = users.other_keys()?;
        let count = keys.first().map_or(0, |key| key.len());
        let condition = has_condition.then(|| keys.pop()).flatten();
        let pairs = Arc::new(ConditionPairs::new(condition.map(|condition| Met::of(&keys, &condition)), count));
        let mut sums: Vec<Sums> = vec![];
        for portion in users.portions() {
            let mut shards = users.take(portion).await?;
            let per_task = shards.len().div_ceil(tasks.max(1)).max(1);
            let mut parts = vec![];
            while !shards.is_empty() {
                let (some, pairs) = (shards.split_off(shards.len().saturating_sub(per_task)), Arc::clone(&pairs));
                parts.push(async move { sums_of(some, &pairs) });
            }
            for more in all(parts).await? {
                sums.resize(more.len(), Sums::default());
                sums.iter_mut().zip(more).for_each(|(sums, more)| sums.add(&more));
            }
        }
        self.columns(&keys, &pairs.firsts(), &sums)
    }

    /// The names of the output columns.
    pub fn names(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    fn columns(&self, keys: &[ArrayRef], firsts: &[u32], sums: &[Sums]) -> PlanResult<RecordBatch> {
        let rows = UInt32Array::from(firsts.to_vec());
        let mut columns = vec![];
        for key in &self.keys {
            columns.push(match key {
                Key::Other(number) => take(&keys[*number], &rows, None)?,
                Key::Constant(value) => value.to_array_of_size(firsts.len())?,
            });
        }
        for (sum, field) in self.sums.iter().zip(&self.schema.fields()[self.keys.len()..]) {
            let of = firsts.iter().map(|first| sum.from(&sums[*first as usize]));
            columns.push(match field.data_type() {
                DataType::Int64 => Arc::new(Int64Array::from_iter_values(of.map(|sum| sum as i64))) as ArrayRef,
                data_type => Arc::new(Decimal128Array::from_iter_values(of).with_data_type(data_type.clone())),
            });
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

impl Sum {
    /// Whether the type has room for every such sum. Integers of 64 bits may wrap in products.
    pub fn is_of(self, data_type: &DataType) -> bool {
        match self {
            Self::Product(..) => matches!(data_type, DataType::Decimal128(38, 0)),
            _ => matches!(data_type, DataType::Int64 | DataType::Decimal128(_, 0)),
        }
    }

    fn from(self, sums: &Sums) -> i128 {
        match self {
            Self::Users => sums.users.into(),
            Self::Count(count) => sums.counts[count].into(),
            Self::Product(one, other) => sums.products[one + other],
        }
    }
}

/// Sums of one combination of keys.
#[derive(Debug, Clone, Default)]
struct Sums {
    users: i64,
    /// The counts of all rows, and of those that meet the condition.
    counts: [i64; 2],
    /// Sums of the squares of all rows, of all times those that meet the condition, and of the squares of the latter.
    products: [i128; 3],
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.users += other.users;
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, more)| *sum += more);
        self.products.iter_mut().zip(other.products).for_each(|(sum, more)| *sum += more);
    }

    /// Adds `count` rows of a user that meet no condition.
    fn add_rows(&mut self, count: u32) {
        self.users += 1;
        self.counts[0] += i64::from(count);
        self.products[0] += i128::from(count).pow(2);
    }

    /// Adds `met` rows of a user that meet the condition, whose `others` do not and are added by themselves.
    fn add_met(&mut self, met: u32, others: u32) {
        self.users += i64::from(others == 0);
        self.counts.iter_mut().for_each(|count| *count += i64::from(met));
        let [met, others] = [met, others].map(i128::from);
        let (square, product) = (met * met, met * others);
        self.products.iter_mut().zip([square + 2 * product, square + product, square]).for_each(|(sum, of)| *sum += of);
    }
}

/// Combinations with the same keys, one that meets the condition and one that does not.
struct ConditionPairs {
    met: Option<Met>,
    /// By the first combination with these keys: the one that does not meet the condition.
    others: Vec<Option<u32>>,
}

impl ConditionPairs {
    fn new(met: Option<Met>, count: usize) -> Self {
        let mut others = vec![None; count];
        if let Some(met) = &met {
            let pairs = (0..).zip(met.first.iter().zip(&met.holds)).filter(|(_, (_, holds))| !**holds);
            pairs.for_each(|(combination, (first, _))| others[*first as usize] = Some(combination));
        }
        Self { met, others }
    }

    /// The first combination of those with the same keys, and whether this one meets the condition.
    fn of(&self, combination: u32) -> (usize, bool) {
        match &self.met {
            Some(met) => (met.first[combination as usize] as usize, met.holds[combination as usize]),
            None => (combination as usize, false),
        }
    }

    /// The first combinations of all keys.
    fn firsts(&self) -> Vec<u32> {
        (0..self.others.len() as u32).filter(|combination| self.of(*combination).0 == *combination as usize).collect()
    }
}

/// Sums over the users of some shards, by the first combination.
fn sums_of(shards: Vec<UserShard>, pairs: &ConditionPairs) -> PlanResult<Vec<Sums>> {
    let (mut sums, mut is_full) = (vec![Sums::default(); pairs.others.len()], false);
    for mut counts in shards.into_iter().map(|shard| shard.counts) {
        counts.settle();
        counts.for_each(|user, combination, count| {
            is_full |= count == u32::MAX;
            let (first, holds) = pairs.of(combination);
            match holds {
                true => {
                    let others = pairs.others[first].map_or(0, |other| counts.count_of(user, other));
                    sums[first].add_met(count, others);
                }
                false => sums[first].add_rows(count),
            }
        });
    }
    if is_full {
        return exec_err!("{} rows or more are of one user and group", u32::MAX);
    }
    Ok(sums)
}
