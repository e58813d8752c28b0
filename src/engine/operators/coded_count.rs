//! `CodedCount`: counts rows of Parquet files by what depends on one column each, without decoding these columns.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, SendableRecordBatchStream,
};
use futures::future::BoxFuture;

use super::coded_work::Work;
use super::count::{CountedStage, FEW_RESULTS};
use super::outlets::Outlets;
use super::shared_work::SharedWork;
use crate::engine::coded::{Asked, Derived, Function, Rows};

/// Puts [`CodedCountExec`] in the place of grouping that only counts rows of Parquet files, where each key and each
/// condition depends on one column of the files.
#[derive(Debug)]
pub struct UseCodes {
    /// Whether memory has a limit: counts by user then stay with an operator that spills to disk.
    pub is_limited: bool,
}

impl PhysicalOptimizerRule for UseCodes {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            let counts = CodedCountExec::in_place_of(&node)?;
            Ok(match counts.filter(|counts| counts.question.user.is_none() || !self.is_limited) {
                Some(counts) => {
                    Transformed::new(Arc::new(counts) as Arc<dyn ExecutionPlan>, true, TreeNodeRecursion::Jump)
                }
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "use_codes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What is counted.
#[derive(Debug, Default)]
pub struct Question {
    /// What is asked of each column of the files.
    pub asked: Vec<Asked>,
    /// The keys' types.
    pub keys: Vec<DataType>,
    /// Keys that are the same in all rows, each with its number: one value.
    pub constants: Vec<(usize, ArrayRef)>,
    /// How many measures there are.
    pub measures: usize,
    /// The key that has many values, by its number, and its column, counted through what is asked.
    pub user: Option<(usize, usize)>,
}

impl Question {
    /// What `stage` counts of `rows`; none if it cannot be asked column by column.
    fn of(stage: &CountedStage, rows: &Rows) -> PlanResult<Option<Self>> {
        let mut question = Self { measures: stage.conditions.len(), ..Self::default() };
        for condition in &rows.conditions {
            match condition.column {
                Some(column) => question.about(column, rows).conditions.push(Arc::clone(&condition.function)),
                None => return Ok(None),
            }
        }
        for (number, key) in stage.keys.iter().enumerate() {
            let Some(derived) = Derived::new(key, &rows.columns, &stage.schema)? else { return Ok(None) };
            question.keys.push(key.data_type(&stage.schema)?);
            if !question.ask_key(number, derived, stage.is_few(key), rows)? {
                return Ok(None);
            }
        }
        for (number, condition) in stage.conditions.iter().enumerate() {
            let Some(condition) = condition else { continue };
            let Some(derived) = Derived::new(condition, &rows.columns, &stage.schema)? else { return Ok(None) };
            match (derived.column, question.user) {
                (Some(column), None) => question.about(column, rows).measures.push((number, derived.function)),
                _ => return Ok(None),
            }
        }
        Ok(Some(question))
    }

    /// Asks for a key; whether it can be asked for.
    fn ask_key(&mut self, number: usize, key: Derived, is_few: bool, rows: &Rows) -> PlanResult<bool> {
        let Some(column) = key.column else {
            let one: ArrayRef = Arc::new(Int64Array::from(vec![0]));
            self.constants.push((number, key.function.of(&one)?));
            return Ok(true);
        };
        let asked = self.about(column, rows);
        if is_few {
            asked.keys.push((number, key.function));
            return Ok(true);
        }
        let is_present = asked.conditions.iter().any(|condition| matches!(condition.as_ref(), Function::Present));
        let is_id = matches!(asked.data_type, DataType::Utf8View | DataType::Int64 | DataType::Int32);
        let is_column = matches!(key.function.without_text().as_ref(), Function::Itself);
        let is_first = self.user.is_none();
        self.user = self.asked.iter().position(|asked| asked.column == column).map(|place| (number, place));
        Ok(is_present && is_id && is_column && is_first && self.keys[number] == DataType::Utf8View)
    }

    /// What is asked of a column.
    fn about(&mut self, column: usize, rows: &Rows) -> &mut Asked {
        let place = self.asked.iter().position(|asked| asked.column == column).unwrap_or_else(|| {
            let data_type = rows.files.file_schema().field(column).data_type().clone();
            self.asked.push(Asked { column, data_type, conditions: vec![], keys: vec![], measures: vec![] });
            self.asked.len() - 1
        });
        &mut self.asked[place]
    }
}

/// Counts rows of Parquet files by their keys.
pub struct CodedCountExec {
    /// The same counts by other operators, for files whose columns are not written as dictionaries and plain values.
    otherwise: Arc<dyn ExecutionPlan>,
    files: Arc<FileScanConfig>,
    question: Arc<Question>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    shared: SharedWork,
}

impl CodedCountExec {
    fn in_place_of(node: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<Self>> {
        let Some(stage) = node.downcast_ref::<AggregateExec>() else { return Ok(None) };
        let first = match stage.mode() {
            AggregateMode::Single | AggregateMode::SinglePartitioned => Some(stage),
            AggregateMode::Final | AggregateMode::FinalPartitioned => stage.input().downcast_ref::<AggregateExec>(),
            _ => None,
        };
        let Some(counted) = first.and_then(CountedStage::of) else { return Ok(None) };
        let Some(rows) = Rows::of(&counted.input)? else { return Ok(None) };
        let question = Question::of(&counted, &rows)?;
        Ok(question.map(|question| Self::new(Arc::clone(node), Arc::new(rows.files), Arc::new(question))))
    }

    fn new(otherwise: Arc<dyn ExecutionPlan>, files: Arc<FileScanConfig>, question: Arc<Question>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(otherwise.schema()),
            Partitioning::UnknownPartitioning(otherwise.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let (properties, metrics) = (Arc::new(properties), ExecutionPlanMetricsSet::new());
        Self { otherwise, files, question, properties, metrics, shared: SharedWork::default() }
    }
}

impl fmt::Debug for CodedCountExec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("CodedCountExec").field("question", &self.question).finish_non_exhaustive()
    }
}

impl DisplayAs for CodedCountExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let names =
            self.question.asked.iter().map(|asked| self.files.file_schema().field(asked.column).name().as_str());
        let names: Vec<_> = names.collect();
        write!(f, "CodedCountExec: columns=[{}], measures={}", names.join(", "), self.question.measures)
    }
}

impl ExecutionPlan for CodedCountExec {
    fn name(&self) -> &str {
        "CodedCountExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.otherwise]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let Some(otherwise) = children.pop() else { return internal_err!("CodedCountExec has one child") };
        Ok(Arc::new(Self::new(otherwise, Arc::clone(&self.files), Arc::clone(&self.question))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let partitions = self.properties.partitioning.partition_count();
        let work = |outlets: Outlets| -> PlanResult<BoxFuture<'static, PlanResult<()>>> {
            let rows_read = MetricBuilder::new(&self.metrics).global_counter("rows_read");
            let (files, question) = (Arc::clone(&self.files), Arc::clone(&self.question));
            let work = Work { files, question, otherwise: Arc::clone(&self.otherwise), outlets, rows_read };
            Ok(Box::pin(work.run(Arc::clone(&context))))
        };
        self.shared.stream(partition, partitions, self.schema(), metrics, work)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The functions of instants that only tell units of the calendar.
pub const UNITS: &[&str] = &FEW_RESULTS;

/// No condition, or one for all rows of a batch.
pub fn condition(holds: &[bool], classes: &[u32]) -> BooleanArray {
    classes.iter().map(|class| Some(holds[*class as usize])).collect()
}
