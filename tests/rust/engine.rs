//! The engine without Python: plans declare what they need, and any number of threads answers alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::util::pretty::pretty_format_batches;
use footfall::calendar::Calendar;
use footfall::engine::jobs::{JOBS, Request};
use footfall::engine::query::UserQuery;
use footfall::engine::run::silent;
use footfall::engine::session::{Options, Session};
use footfall::engine::sources::reading::{Given, Reading};
use footfall::units::{ATTRIBUTION_WINDOW_US, VISIT_RADIUS_M, WILSON_Z};

const USERS: i64 = 40;
const HOUR_US: i64 = 3_600_000_000;

fn text(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from(values.collect::<Vec<_>>()))
}

fn given(columns: Vec<(&str, ArrayRef)>) -> Given {
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    Given::Batches(batch.schema(), vec![batch])
}

fn instants(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

fn degrees(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// Forty users who see the ad of one of three places every hour and stand at one of them every second hour.
fn world() -> BTreeMap<String, Given> {
    let rows = || (0..USERS).flat_map(|user| (0..48).map(move |hour| (user, hour)));
    let place = |number: i64| number as f64 * 0.01;
    let establishments = given(vec![
        ("establishment_id", text((0..3).map(|e| format!("e{e}")))),
        ("category", text((0..3).map(|e| format!("kind {}", e % 2)))),
        ("latitude", degrees((0..3).map(place))),
        ("longitude", degrees((0..3).map(place))),
    ]);
    let ads = given(vec![
        ("ad_id", Arc::new(Int64Array::from_iter_values(0..3)) as ArrayRef),
        ("campaign_id", text((0..3).map(|a| format!("c{}", a / 2)))),
        ("category", text((0..3).map(|a| format!("kind {}", a % 2)))),
        ("establishment_id", text((0..3).map(|a| format!("e{a}")))),
    ]);
    let interactions = given(vec![
        ("user_id", text(rows().map(|(user, _)| format!("u{user}")))),
        ("ad_id", Arc::new(Int64Array::from_iter_values(rows().map(|(user, hour)| (user + hour) % 3))) as ArrayRef),
        ("action", text(rows().map(|(user, hour)| if (user * hour) % 5 == 1 { "click" } else { "view" }.to_string()))),
        ("timestamp", instants(rows().map(|(_, hour)| hour * HOUR_US))),
    ]);
    let pings = given(vec![
        ("user_id", text(rows().map(|(user, _)| format!("u{user}")))),
        ("timestamp", instants(rows().map(|(user, hour)| hour * 2 * HOUR_US + user))),
        ("latitude", degrees(rows().map(|(user, hour)| place((user * hour) % 4)))),
        ("longitude", degrees(rows().map(|(user, hour)| place((user * hour) % 4)))),
    ]);
    let tables = [("establishments", establishments), ("ads", ads), ("interactions", interactions), ("pings", pings)];
    tables.into_iter().map(|(name, table)| (name.to_string(), table)).collect()
}

fn session(threads: usize) -> Session {
    limited(threads, None)
}

fn limited(threads: usize, memory_limit: Option<usize>) -> Session {
    let options = Options {
        calendar: Calendar::new("America/Recife").expect("a zone"),
        radius_m: VISIT_RADIUS_M,
        window_us: ATTRIBUTION_WINDOW_US,
        z: WILSON_Z,
        threads: Some(threads),
        memory_limit,
        is_plain: false,
    };
    Session::open(None, world(), Reading::default(), options).expect("a valid world")
}

fn asked(query: &str) -> UserQuery {
    UserQuery { text: query.into(), ..UserQuery::default() }
}

fn answer(session: &Session, query: &str) -> String {
    let (_, batches) = session.sql(&asked(query), &mut silent).expect("a valid query");
    pretty_format_batches(&batches).expect("printable").to_string()
}

#[test]
fn every_job_answers_alike_on_one_thread_and_on_four() {
    let (one, four) = (session(1), session(4));
    for job in &JOBS {
        for by in if job.by { &["day", "week", "month", "period"][..] } else { &["period"] } {
            let request = Request { by: (*by).into(), ..Request::default() };
            let run = |session: &Session| {
                let (_, batches) = session.run(job.name, &request, &mut silent).expect("a valid request");
                assert!(batches.iter().any(|batch| batch.num_rows() > 0), "{} by {by} is empty", job.name);
                pretty_format_batches(&batches).expect("printable").to_string()
            };
            assert_eq!(run(&one), run(&four), "{} by {by}", job.name);
        }
    }
}

#[test]
fn the_statement_of_a_job_gives_the_answer_of_the_job() {
    let session = session(2);
    for job in &JOBS {
        let request = Request::default();
        let sql = session.job_sql(job.name, &request).expect("a valid request");
        let (_, batches) = session.run(job.name, &request, &mut silent).expect("a valid request");
        assert_eq!(answer(&session, &sql), pretty_format_batches(&batches).expect("printable").to_string());
    }
}

#[test]
fn attribution_takes_its_rows_as_they_come() {
    let plan = answer(&session(2), "EXPLAIN SELECT * FROM attributed_visits");
    let attribution = plan.find("AttributionExec").expect("an attribution");
    assert!(plan[attribution..].contains("VisitJoinExec"), "{plan}");
    assert!(!plan.contains("SortExec") && !plan.contains("Hash("), "{plan}");
}

#[test]
fn a_limit_of_memory_changes_no_plan() {
    for query in ["SELECT * FROM attributed_visits", "SELECT user_id, count(*) FROM interactions GROUP BY user_id"] {
        let query = format!("EXPLAIN {query}");
        assert_eq!(answer(&limited(2, Some(1 << 30)), &query), answer(&session(2), &query));
    }
}

#[test]
fn attribution_answers_alike_within_a_small_limit() {
    let query = "SELECT * FROM attributed_visits ORDER BY user_id, timestamp, establishment_id";
    let whole = answer(&session(2), query);
    assert!(whole.contains("true") && whole.contains("false"), "{whole}");
    for kilobytes in [1_000, 2_000, 100_000] {
        assert_eq!(answer(&limited(2, Some(kilobytes << 10)), query), whole, "{kilobytes}");
    }
}

#[test]
fn a_few_attributed_visits_end_the_work() {
    let session = session(3);
    for _ in 0..20 {
        let few = answer(&session, "SELECT * FROM attributed_visits LIMIT 2");
        assert_eq!(few.lines().count(), 6, "{few}");
    }
}

#[test]
fn a_question_about_some_users_reaches_the_pings_before_the_join() {
    let plan = answer(&session(2), "EXPLAIN SELECT count(*) FROM visits WHERE user_id = 'u7'");
    let join = plan.find("VisitJoinExec").expect("a join");
    assert!(plan[join..].contains("u7"), "{plan}");
}

#[test]
fn a_session_reads_only() {
    for statement in ["CREATE TABLE t AS SELECT 1", "DROP TABLE pings", "SET datafusion.execution.batch_size = 1"] {
        assert!(session(1).sql(&asked(statement), &mut silent).is_err(), "{statement}");
    }
}
