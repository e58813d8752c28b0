//! Sums over users of their counts, and of squares and products of these: what grouping by all keys but the user makes
//! of [`UserCountExec`]'s groups. They are made where the counts are, so that no group becomes a row.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result as PlanResult, ScalarValue, exec_err};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::count::{counts_all, first_stage};
use super::shared_work::all;
use super::user_count::UserCountExec;
use super::user_groups::Met;
use super::user_shares::ByUser;
use super::users::Users;
use crate::engine::guard::plain;

/// The columns of sums by all keys but the user.
#[derive(Debug)]
pub struct SumsOfUsers {
    keys: Vec<Key>,
    sums: Vec<Sum>,
    /// The output's.
    pub schema: SchemaRef,
}

#[derive(Debug)]
enum Key {
    /// A key of the counts, by its number among those that are not the user.
    Other(usize),
    Constant(ScalarValue),
}

#[derive(Debug, Clone, Copy)]
enum Sum {
    Users,
    /// Of the rows' count (0), or of that of the rows that meet the condition (1).
    Count(usize),
    Product(usize, usize),
}

/// An output column of [`UserCountExec`], seen through projections.
enum Meaning {
    Key(Key),
    Count(usize),
    Product(usize, usize),
}

impl SumsOfUsers {
    /// The sums that `node` makes and the counts that it makes them of, if it does nothing else.
    pub fn of(node: &Arc<dyn ExecutionPlan>) -> Option<(Self, &UserCountExec)> {
        let stage = first_stage(node)?;
        let counts = counts_below(stage.input())?;
        let has_conditions = stage.filter_expr().iter().any(Option::is_some);
        let keys = stage.group_expr().expr().iter().map(|(key, _)| match meaning(key, stage.input())? {
            Meaning::Key(key) => Some(key),
            _ => None,
        });
        let keys = keys.collect::<Option<Vec<_>>>()?;
        let others = counts.other_keys();
        let has_all =
            others > 0 && (0..others).all(|of| keys.iter().any(|key| matches!(key, Key::Other(own) if *own == of)));
        let sums = stage.aggr_expr().iter().map(|measure| Sum::of(measure, stage));
        let (sums, schema) = (sums.collect::<Option<Vec<_>>>()?, node.schema());
        let types = schema.fields()[keys.len()..].iter().map(|field| field.data_type());
        let fits =
            sums.len() + keys.len() == schema.fields().len() && sums.iter().zip(types).all(|(sum, of)| sum.is_of(of));
        (!has_conditions && has_all && fits).then_some((Self { keys, sums, schema }, counts))
    }

    /// The sums over all `users`, made by so many tasks; the last of their keys is a condition if `has_condition`.
    pub async fn batch(&self, users: &Users, has_condition: bool, tasks: usize) -> PlanResult<RecordBatch> {
        let mut keys = users.other_keys()?;
        let count = keys.first().map_or(0, |key| key.len());
        let condition = has_condition.then(|| keys.pop()).flatten();
        let pairs = Arc::new(Pairs::new(condition.map(|condition| Met::of(&keys, &condition)), count));
        let mut shares = users.take_counts();
        let per_task = shares.len().div_ceil(tasks.max(1)).max(1);
        let mut parts = vec![];
        while !shares.is_empty() {
            let (some, pairs) = (shares.split_off(shares.len().saturating_sub(per_task)), Arc::clone(&pairs));
            parts.push(async move { sums_of(&some, &pairs) });
        }
        let sums = all(parts).await?.into_iter().reduce(|mut sums, more| {
            sums.iter_mut().zip(more).for_each(|(sums, more)| sums.add(&more));
            sums
        });
        self.columns(&keys, &pairs.firsts(), &sums.unwrap_or_default())
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

fn counts_below(plan: &Arc<dyn ExecutionPlan>) -> Option<&UserCountExec> {
    match plain::<ProjectionExec>(plan) {
        Some(projection) => counts_below(projection.input()),
        None => plan.downcast_ref::<UserCountExec>().filter(|counts| counts.is_by_user()),
    }
}

fn meaning(of: &Arc<dyn PhysicalExpr>, plan: &Arc<dyn ExecutionPlan>) -> Option<Meaning> {
    if let Some(literal) = of.downcast_ref::<Literal>() {
        return Some(Meaning::Key(Key::Constant(literal.value().clone())));
    }
    if let Some(column) = of.downcast_ref::<Column>() {
        return match plain::<ProjectionExec>(plan) {
            Some(projection) => meaning(&projection.expr()[column.index()].expr, projection.input()),
            None => meaning_of_column(plan.downcast_ref::<UserCountExec>()?, column.index()),
        };
    }
    if let Some(cast) = of.downcast_ref::<CastExpr>() {
        // Counts have 19 digits at most.
        let keeps = matches!(cast.cast_type(), DataType::Decimal128(19.., 0));
        return meaning(cast.expr(), plan).filter(|of| keeps && matches!(of, Meaning::Count(_)));
    }
    let product = of.downcast_ref::<BinaryExpr>().filter(|of| *of.op() == Operator::Multiply)?;
    match (meaning(product.left(), plan)?, meaning(product.right(), plan)?) {
        (Meaning::Count(one), Meaning::Count(other)) => Some(Meaning::Product(one, other)),
        _ => None,
    }
}

fn meaning_of_column(counts: &UserCountExec, column: usize) -> Option<Meaning> {
    match column.checked_sub(counts.other_keys() + 1) {
        Some(count) => Some(Meaning::Count(count)),
        None => Some(Meaning::Key(Key::Other(counts.number_of_other(column)?))),
    }
}

impl Sum {
    fn of(measure: &AggregateFunctionExpr, stage: &AggregateExec) -> Option<Self> {
        if counts_all(measure) {
            return Some(Self::Users);
        }
        match &measure.expressions()[..] {
            [of] if measure.fun().name() == "sum" => match meaning(of, stage.input())? {
                Meaning::Count(count) => Some(Self::Count(count)),
                Meaning::Product(one, other) => Some(Self::Product(one, other)),
                Meaning::Key(_) => None,
            },
            _ => None,
        }
    }

    /// Whether the type has room for every such sum. Integers of 64 bits may wrap in products.
    fn is_of(self, data_type: &DataType) -> bool {
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
    /// Of all rows, and of those that meet the condition.
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
struct Pairs {
    met: Option<Met>,
    /// By the first combination with these keys: the one that does not meet the condition.
    others: Vec<Option<u32>>,
}

impl Pairs {
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

/// Sums over the users of some shares, by the first combination.
fn sums_of(shares: &[ByUser], pairs: &Pairs) -> PlanResult<Vec<Sums>> {
    let (mut sums, mut is_full) = (vec![Sums::default(); pairs.others.len()], false);
    for counts in shares {
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
