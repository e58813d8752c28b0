//! Rows that are there more than once, counted exactly and in bounded memory.
//!
//! A first look groups hashes of rows, a share of the hashes at a time; only rows whose hash comes twice, which are
//! few, are compared themselves.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::MemTable;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::prelude::SessionContext;

use super::ask::query;
use crate::Result;
use crate::engine::context::planned;
use crate::engine::errors::error_of;
use crate::engine::functions::function;
use crate::engine::nouns::Column;
use crate::engine::run::{Heartbeat, run};

/// Hashes that one look groups: some 400 MB.
const ROWS_PER_LOOK: i64 = 8_000_000;

/// The name of the column that holds what cannot be read of `column`.
pub fn unread_name(column: &Column) -> String {
    format!("unread_{}", column.name)
}

/// How many of the `rows` rows of the table `rows` repeat another, and the smallest id among them. What cannot be read
/// of the `unreadable` columns tells rows apart, too.
pub fn count(
    context: &SessionContext,
    columns: &[&'static Column],
    unreadable: &[&'static Column],
    rows: i64,
    heartbeat: Heartbeat,
) -> Result<(Option<String>, i64)> {
    let types = columns.iter().map(|column| column.kind.data_type());
    let types = types.chain(unreadable.iter().map(|_| DataType::Utf8View)).collect();
    context.register_udf(function("row_hash", types, DataType::UInt64, Box::new(row_hashes)));
    let texts = unreadable.iter().map(|column| unread_name(column));
    let all = columns.iter().map(|column| column.name.to_string()).chain(texts).collect::<Vec<_>>().join(", ");
    let id = columns[0].name;
    let looks = (rows + ROWS_PER_LOOK - 1) / ROWS_PER_LOOK;
    let mut found = (None, 0);
    for look in 0..looks {
        let share = format!("row_hash({all}) % {looks} = {look}");
        if twice(context, &all, &share, heartbeat)? {
            let copies = format!(
                "SELECT coalesce(sum(copies - 1), 0), min({id}) FROM (
                     SELECT {id}, count(*) AS copies FROM rows
                     WHERE {share} AND row_hash({all}) IN (SELECT hash FROM twice)
                     GROUP BY {all} HAVING count(*) > 1)"
            );
            let (example, copies) = query(context, &copies, heartbeat)?;
            let smallest = [found.0, example].into_iter().flatten().min();
            found = (smallest, found.1 + copies);
        }
    }
    Ok(found)
}

/// The columns' names as a list.
pub fn names(columns: &[&'static Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// Registers the hashes that come twice as the table `twice`, if there are any.
fn twice(context: &SessionContext, all: &str, share: &str, heartbeat: Heartbeat) -> Result<bool> {
    let sql = format!(
        "SELECT hash FROM (SELECT row_hash({all}) AS hash FROM rows WHERE {share}) GROUP BY hash HAVING count(*) > 1"
    );
    let (schema, batches) = run(planned(context, &sql)?, heartbeat)?;
    let any = batches.iter().any(|batch| batch.num_rows() > 0);
    context.deregister_table("twice").map_err(error_of)?;
    let table = MemTable::try_new(schema, vec![batches]).map_err(error_of)?;
    context.register_table("twice", Arc::new(table)).map_err(error_of)?;
    Ok(any)
}

fn row_hashes(columns: &[ArrayRef]) -> datafusion::common::Result<ArrayRef> {
    let mut hashes = vec![0; columns.first().map_or(0, |column| column.len())];
    create_hashes(columns, &RandomState::with_seed(0), &mut hashes)?;
    Ok(Arc::new(UInt64Array::from(hashes)))
}
