//! What tables, columns and functions mean, in a sentence each.

use std::collections::BTreeSet;

use datafusion::execution::SessionState;
use datafusion::logical_expr::Documentation;

/// The tables that a query may name, what each is made of, and what it holds.
pub const TABLES: [(&str, &[&str], &str); 6] = [
    ("establishments", &[], "Places that advertise."),
    ("ads", &[], "Ads, each of one campaign and perhaps of one establishment."),
    ("interactions", &[], "Views of ads and clicks on them."),
    ("pings", &[], "Location records of users."),
    ("visits", &["pings", "establishments"], "Pings that are nearer to an establishment than the visit radius."),
    (
        "attributed_visits",
        &["pings", "establishments", "interactions", "ads"],
        "Visits, and the interaction with an ad of the establishment that earned each, if one did.",
    ),
];

const COLUMNS: [(&str, &str); 14] = [
    ("establishment_id", "The establishment."),
    ("name", "The establishment's name."),
    ("category", "The category, of an establishment or an ad."),
    ("latitude", "Degrees north, WGS 84."),
    ("longitude", "Degrees east, WGS 84."),
    ("ad_id", "The ad; of an attributed visit, the one that earned it."),
    ("campaign_id", "The campaign of an ad."),
    ("user_id", "The user."),
    ("action", "view or click."),
    ("timestamp", "When it happened; the local_ functions read it on the data set's clock."),
    ("accuracy_m", "The accuracy of a ping that the device reported, in metres."),
    ("distance_m", "From the ping to the establishment, in metres."),
    ("attributed", "Whether an interaction earned the visit."),
    ("interaction_timestamp", "When the interaction that earned the visit happened."),
];

const FUNCTIONS: [(&str, &str, &str); 10] = [
    ("local_day", "local_day(timestamp)", "The day on the data set's clock, as a date."),
    ("local_week", "local_week(timestamp)", "The Monday of the week on the data set's clock, as a date."),
    ("local_month", "local_month(timestamp)", "The first of the month on the data set's clock, as a date."),
    ("local_hour", "local_hour(timestamp)", "The hour on the data set's clock, 0 to 23."),
    ("local_weekday", "local_weekday(timestamp)", "The weekday on the data set's clock: 1 is Monday, 7 Sunday."),
    (
        "day_part",
        "day_part(timestamp)",
        "The part of the day on the data set's clock: night, morning, afternoon or evening.",
    ),
    ("haversine_m", "haversine_m(latitude, longitude, latitude, longitude)", "The distance of two places in metres."),
    ("h3_cell", "h3_cell(latitude, longitude, resolution)", "The H3 cell of a place, at a resolution of 0 to 15."),
    ("wilson_low", "wilson_low(successes, trials)", "The lower end of Wilson's interval of a share."),
    ("wilson_high", "wilson_high(successes, trials)", "The upper end of Wilson's interval of a share."),
];

/// Functions of statements of ours, which are of no use to others.
const INNER: [&str; 4] = ["wilson_low_by_user", "wilson_high_by_user", "share_of_user", "may_have_earned"];

/// The tables that a derived one is made of; none for others.
pub fn parts_of(name: &str) -> &'static [&'static str] {
    TABLES.iter().find(|(table, ..)| *table == name).map_or(&[], |(_, parts, _)| parts)
}

/// What a table of ours holds; empty for others.
pub fn meaning_of_table(name: &str) -> &'static str {
    TABLES.iter().find(|(table, ..)| *table == name).map_or("", |(.., meaning)| meaning)
}

/// What a column of ours holds; empty for others.
pub fn meaning_of_column(name: &str) -> &'static str {
    COLUMNS.iter().find(|(column, _)| *column == name).map_or("", |(_, meaning)| meaning)
}

/// The functions that a statement may call, in the order of the alphabet.
pub fn function_names(state: &SessionState) -> Vec<String> {
    let (scalar, aggregate) = (state.scalar_functions().keys(), state.aggregate_functions().keys());
    let all: BTreeSet<&String> = scalar.chain(aggregate).chain(state.window_functions().keys()).collect();
    all.into_iter().filter(|name| !INNER.contains(&name.as_str())).cloned().collect()
}

/// How a function is called.
pub fn signature_of(state: &SessionState, name: &str) -> String {
    match FUNCTIONS.iter().find(|(function, ..)| *function == name) {
        Some((_, signature, _)) => (*signature).into(),
        None => documented(state, name, |told| told.syntax_example.clone()).unwrap_or_else(|| format!("{name}(...)")),
    }
}

/// What a function does; empty where nobody has said it.
pub fn meaning_of_function(state: &SessionState, name: &str) -> String {
    match FUNCTIONS.iter().find(|(function, ..)| *function == name) {
        Some((.., meaning)) => (*meaning).into(),
        None => documented(state, name, |told| told.description.clone()).unwrap_or_default(),
    }
}

fn documented(state: &SessionState, name: &str, tell: fn(&Documentation) -> String) -> Option<String> {
    let scalar = state.scalar_functions().get(name).and_then(|function| function.documentation().map(tell));
    let aggregate = || state.aggregate_functions().get(name).and_then(|function| function.documentation().map(tell));
    let window = || state.window_functions().get(name).and_then(|function| function.documentation().map(tell));
    scalar.or_else(aggregate).or_else(window)
}
