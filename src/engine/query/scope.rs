//! The tables that a statement names, and their columns; no file is read for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider};
use datafusion::catalog::{CatalogProviderList, SchemaProvider};
use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::meanings::TABLES;
use super::tokens::{PlacedToken, pieces_of};
use crate::Result;
use crate::engine::errors::error_of;
use crate::engine::threads::threads;

/// A column, as a statement sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedColumn {
    /// Its name.
    pub name: String,
    /// Its type, as people call it.
    pub data_type: String,
}

/// Further tables, by their names.
pub type Variables = BTreeMap<String, Vec<NamedColumn>>;

/// The tables that can be named, and those that a statement does name.
#[derive(Debug)]
pub struct Scope {
    /// All that there are, by name.
    pub known: BTreeMap<String, Vec<NamedColumn>>,
    /// Those that the statement reads, by the name that it gives them.
    pub named: Vec<(String, Vec<NamedColumn>)>,
}

impl Scope {
    /// The scope of the statement `text` in `context`, with tables that it may read besides.
    pub fn of(context: &SessionContext, text: &str, variables: &Variables) -> Result<Self> {
        let mut known = variables.clone();
        for (name, schema) in schemas_of(context) {
            known.insert(name.into(), columns_of(&schema));
        }
        let (pieces, letters) = (pieces_of(text), text.chars().collect::<Vec<_>>());
        let inner = |from: usize, to: usize| letters[from..to].iter().collect::<String>();
        let mut planner = None;
        let mut columns_of_query = |query: &str, known: &BTreeMap<String, Vec<NamedColumn>>| {
            let planner = match &planner {
                Some(planner) => planner,
                None => planner.insert(fork(context)?),
            };
            planned_columns(planner, query, known)
        };
        for (name, from, to) in queries_named(&pieces) {
            let columns = columns_of_query(&inner(from, to), &known)?;
            known.insert(name, columns);
        }
        let mut named: Vec<(String, Vec<NamedColumn>)> = vec![];
        for (alias, read) in read_by(&pieces) {
            let columns = match read {
                Relation::Table(name) => known.get(&name).cloned().unwrap_or_default(),
                Relation::Query(from, to) => columns_of_query(&inner(from, to), &known)?,
            };
            if !named.iter().any(|(other, _)| *other == alias) {
                named.push((alias, columns));
            }
        }
        Ok(Self { known, named })
    }

    /// The columns of what the statement calls `name`.
    pub fn columns(&self, name: &str) -> Option<&[NamedColumn]> {
        let named = self.named.iter().find(|(alias, _)| alias == name).map(|(_, columns)| columns);
        named.or_else(|| self.known.get(name)).map(Vec::as_slice)
    }
}

/// The name of a type in words that people know.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::Float64 | DataType::Float32 => "number".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(_, Some(zone)) => format!("timestamp ({zone})"),
        DataType::Timestamp(_, None) => "timestamp".into(),
        DataType::Dictionary(_, value) => type_name(value),
        integer if integer.is_integer() => "integer".into(),
        other => other.to_string(),
    }
}

fn columns_of(schema: &Schema) -> Vec<NamedColumn> {
    let column =
        |field: &Arc<Field>| NamedColumn { name: field.name().clone(), data_type: type_name(field.data_type()) };
    schema.fields().iter().map(column).collect()
}

fn schemas_of(context: &SessionContext) -> Vec<(&'static str, SchemaRef)> {
    let there = TABLES.iter().filter(|(name, ..)| context.table_exist(*name).unwrap_or(false));
    let schema = |name: &'static str| Some((name, threads().block_on(context.table_provider(name)).ok()?.schema()));
    there.filter_map(|(name, ..)| schema(name)).collect()
}

/// A context with the tables and the functions of another, which does not see what is registered with this one.
pub fn fork(context: &SessionContext) -> Result<SessionContext> {
    let names = context.copied_config().options().catalog.clone();
    let (catalogs, catalog) = (Arc::new(MemoryCatalogProviderList::new()), Arc::new(MemoryCatalogProvider::new()));
    let tables = Arc::new(MemorySchemaProvider::new());
    for (name, ..) in TABLES {
        if let Ok(provider) = threads().block_on(context.table_provider(name)) {
            tables.register_table(name.into(), provider).map_err(error_of)?;
        }
    }
    catalog.register_schema(&names.default_schema, tables).map_err(error_of)?;
    catalogs.register_catalog(names.default_catalog, catalog);
    let state = SessionStateBuilder::new_from_existing(context.state()).with_catalog_list(catalogs).build();
    Ok(SessionContext::new_with_state(state))
}

/// The columns of a query; empty where it cannot be planned.
fn planned_columns(
    context: &SessionContext,
    query: &str,
    known: &BTreeMap<String, Vec<NamedColumn>>,
) -> Result<Vec<NamedColumn>> {
    for (name, columns) in known {
        let table = TableReference::bare(name.as_str());
        if !context.table_exist(table.clone()).unwrap_or(true) {
            let fields = columns.iter().map(|column| Field::new(&column.name, DataType::Utf8View, true));
            let columns = EmptyTable::new(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
            context.register_table(table, Arc::new(columns)).map_err(error_of)?;
        }
    }
    let plan = threads().block_on(context.state().create_logical_plan(query));
    Ok(plan.map_or_else(|_| vec![], |plan| columns_of(plan.schema().as_arrow())))
}

/// What a statement reads.
enum Relation {
    Table(String),
    /// A query, between these letters.
    Query(usize, usize),
}

/// The queries that a statement gives a name, as `WITH name AS (query)`, and the letters between which they are.
fn queries_named(pieces: &[PlacedToken]) -> Vec<(String, usize, usize)> {
    let mut named = vec![];
    for at in 0..pieces.len().saturating_sub(2) {
        let is_as = pieces[at + 1].keyword() == Some(Keyword::AS) && pieces[at + 2].token == Token::LParen;
        let is_window = at > 0 && pieces[at - 1].keyword() == Some(Keyword::WINDOW);
        let Some(name) = pieces[at].name().filter(|_| is_as && !is_window) else { continue };
        let end = closed_at(pieces, at + 2).map_or(pieces[pieces.len() - 1].end, |close| pieces[close].start);
        named.push((name, pieces[at + 2].end, end));
    }
    named
}

/// Where the parenthesis at `open` is closed.
fn closed_at(pieces: &[PlacedToken], open: usize) -> Option<usize> {
    let mut depth = 0;
    (open..pieces.len()).find(|at| {
        match pieces[*at].token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// What stands behind FROM and JOIN, in whichever part of the statement, by the names that it has there.
fn read_by(pieces: &[PlacedToken]) -> Vec<(String, Relation)> {
    let (mut read, mut in_from) = (vec![], vec![false]);
    for (at, piece) in pieces.iter().enumerate() {
        let is_read = match (&piece.token, piece.keyword()) {
            (Token::LParen, _) => {
                in_from.push(false);
                false
            }
            (Token::RParen, _) => {
                in_from.pop();
                false
            }
            (Token::Comma, _) => in_from.last() == Some(&true),
            (_, Some(keyword)) => {
                let is_from = matches!(keyword, Keyword::FROM | Keyword::JOIN);
                if let (true, Some(last)) = (is_from || ends_from(keyword), in_from.last_mut()) {
                    *last = is_from;
                }
                is_from
            }
            _ => false,
        };
        if is_read {
            read.extend(relation_at(pieces, at + 1));
        }
    }
    read
}

/// Whether tables do not go on behind a keyword.
fn ends_from(keyword: Keyword) -> bool {
    use Keyword::{EXCEPT, FETCH, GROUP, HAVING, INTERSECT, LIMIT, OFFSET, ON, ORDER, SELECT, UNION, USING, WHERE};
    matches!(
        keyword,
        SELECT | WHERE | GROUP | HAVING | ORDER | LIMIT | OFFSET | FETCH | UNION | EXCEPT | INTERSECT | ON | USING
    )
}

/// The table or the query at `at`, by its alias, or else by its own name.
fn relation_at(pieces: &[PlacedToken], at: usize) -> Option<(String, Relation)> {
    let first = pieces.get(at)?;
    let (own, read, end) = if first.token == Token::LParen {
        let close = closed_at(pieces, at)?;
        (String::new(), Relation::Query(first.end, pieces[close].start), close)
    } else {
        let name = first.name()?;
        (name.clone(), Relation::Table(name), at)
    };
    let alias = match pieces.get(end + 1) {
        Some(next) if next.keyword() == Some(Keyword::AS) => pieces.get(end + 2).and_then(PlacedToken::name),
        next => next.and_then(PlacedToken::alias),
    };
    Some((alias.unwrap_or(own), read))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        read_by(&pieces_of(text)).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn tables_are_found_wherever_they_stand() {
        assert_eq!(names("SELECT FROM pings p JOIN \"Ads\" AS a ON x = y, z WHERE x, w"), ["p", "a"]);
        assert_eq!(names("SELECT * FROM a, b c, (SELECT 1 FROM d LIMIT 1) e ORDER BY f, g"), ["a", "c", "e", "d"]);
        assert_eq!(names("SELECT * FROM "), Vec::<String>::new());
        assert_eq!(names("SELECT x FROM pings"), ["pings"]);
    }

    #[test]
    fn queries_have_names() {
        let named = queries_named(&pieces_of("WITH a AS (SELECT (1)), b AS (SELECT 2) SELECT cast(x AS int) FROM b"));
        assert_eq!(named, [("a".into(), 11, 21), ("b".into(), 30, 38)]);
    }
}
