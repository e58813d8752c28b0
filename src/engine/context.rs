//! A context of DataFusion's: threads, memory limit, rules.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

use crate::Result;
use crate::engine::errors::{error_of, statement_error_of};
use crate::engine::memory::LimitedPool;
use crate::engine::planning::corrections::logical_rules;
use crate::engine::planning::rules::{corrected, rules};
use crate::engine::threads::threads;
use crate::engine::visits::table::PlainPlans;
/// The machine's cores, or what the caller wants.
pub fn thread_count(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into)).max(1)
}

/// Plans a statement of ours.
pub fn planned(context: &SessionContext, statement: &str) -> Result<DataFrame> {
    threads().block_on(context.sql(statement)).map_err(statement_error_of)
}

/// Makes a context that uses our operators.
pub fn new_context(threads: Option<usize>, memory_limit: Option<usize>) -> Result<SessionContext> {
    context_of(config(threads), memory_limit, rules())
}

/// Makes a context that keeps DataFusion's own operators wherever it has one.
pub fn plain_context(threads: Option<usize>, memory_limit: Option<usize>) -> Result<SessionContext> {
    context_of(config(threads).with_extension(Arc::new(PlainPlans)), memory_limit, corrected())
}

fn config(threads: Option<usize>) -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(thread_count(threads));
    // A look-up reads its table at once and has nothing to tell the scan later.
    config.options_mut().optimizer.enable_join_dynamic_filter_pushdown = false;
    // Errors of a query tell where in its text they are.
    config.options_mut().sql_parser.collect_spans = true;
    config
}

fn context_of(
    mut config: SessionConfig,
    memory_limit: Option<usize>,
    rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
) -> Result<SessionContext> {
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(bytes) = memory_limit {
        let execution = &mut config.options_mut().execution;
        execution.sort_spill_reservation_bytes = execution.sort_spill_reservation_bytes.min(bytes / 8);
        runtime = runtime.with_memory_pool(Arc::new(LimitedPool::new(bytes)));
    }
    let state = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime.build_arc().map_err(error_of)?);
    let state =
        state.with_default_features().with_optimizer_rules(logical_rules()).with_physical_optimizer_rules(rules);
    Ok(SessionContext::new_with_state(state.build()))
}
