//! The registry of the jobs. What each is in SQL, `statements` say.

mod statements;

use crate::engine::nouns::{ADS, ESTABLISHMENTS, INTERACTIONS, PINGS};
use crate::spelling::{closest, question};
use crate::{Error, Result};

/// One answer: its name everywhere, what it needs, and its SQL.
#[derive(Debug)]
pub struct Job {
    /// The number of the question that it answers.
    pub number: u8,
    /// The name of the method, the command and the files.
    pub name: &'static str,
    /// A short heading.
    pub title: &'static str,
    /// Its answer in a sentence.
    pub question: &'static str,
    /// The tables that it needs.
    pub tables: &'static [&'static str],
    /// Whether it can be asked by day, week or month.
    pub by: bool,
    /// Whether it can be asked of some users only.
    pub users: bool,
    /// The measures that it can rank by, the usual one first.
    pub rank_by: &'static [&'static str],
    /// The input of its counts.
    pub reads: Reads,
    /// Counts by user that its counts are made of, where these are not themselves by user or simply add up.
    by_user: Option<CountsSql>,
    counts: CountsSql,
    finish: &'static str,
}

/// Input of counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Interactions.
    Interactions,
    /// Visits.
    Visits,
    /// Visits beside the interactions of the same users.
    AttributedVisits,
}

/// A statement that counts rows by keys. Counts of any split of the rows add up.
#[derive(Debug, Clone, Copy)]
pub struct CountsSql {
    sql: &'static str,
    /// The columns by which it counts.
    pub keys: &'static [&'static str],
    /// The columns that add up.
    pub sums: &'static [&'static str],
}

impl CountsSql {
    /// The statement that adds up the counts in `table`.
    pub fn summed(&self, table: &str) -> String {
        let keys = self.keys.join(", ");
        let sums = self.sums.iter().map(|sum| format!("sum({sum}) AS {sum}")).collect::<Vec<_>>().join(", ");
        format!("SELECT {keys}, {sums} FROM {table} GROUP BY {keys}")
    }
}

const INTERACTION_TABLES: &[&str] = &[ADS.name, INTERACTIONS.name];
const VISIT_TABLES: &[&str] = &[ESTABLISHMENTS.name, PINGS.name];
const ALL_TABLES: &[&str] = &[ADS.name, ESTABLISHMENTS.name, INTERACTIONS.name, PINGS.name];

const INTERACTION_PROFILE: CountsSql = CountsSql {
    sql: include_str!("jobs/interaction_profile.counts.sql"),
    keys: &["user_id", "day_part", "category"],
    sums: &["interactions"],
};
const VISIT_PROFILE: CountsSql = CountsSql {
    sql: include_str!("jobs/visit_profile.counts.sql"),
    keys: &["user_id", "weekday", "category"],
    sums: &["visits"],
};

/// All jobs, in the order of their questions.
pub const JOBS: [Job; 8] = [
    Job {
        number: 1,
        name: "campaign_ctr",
        title: "Campaign performance",
        question: "Which campaigns turn views into clicks?",
        tables: INTERACTION_TABLES,
        by: true,
        users: false,
        rank_by: &["ctr_low", "ctr"],
        reads: Reads::Interactions,
        by_user: None,
        counts: CountsSql {
            sql: include_str!("jobs/campaign_ctr.counts.sql"),
            keys: &["bucket", "campaign_id"],
            sums: &["views", "clicks"],
        },
        finish: include_str!("jobs/campaign_ctr.finish.sql"),
    },
    Job {
        number: 2,
        name: "establishment_visits",
        title: "Establishment performance",
        question: "Which establishments get the most visits?",
        tables: VISIT_TABLES,
        by: true,
        users: false,
        rank_by: &["visits", "visitors"],
        reads: Reads::Visits,
        by_user: Some(CountsSql {
            sql: include_str!("jobs/establishment_visits.by_user.sql"),
            keys: &["bucket", "establishment_id", "user_id"],
            sums: &["visits"],
        }),
        counts: CountsSql {
            sql: include_str!("jobs/establishment_visits.counts.sql"),
            keys: &["bucket", "establishment_id"],
            sums: &["visits", "visitors"],
        },
        finish: include_str!("jobs/establishment_visits.finish.sql"),
    },
    Job {
        number: 3,
        name: "visit_attribution",
        title: "Interaction-visit correlation",
        question: "Which share of an establishment's visits followed an interaction with one of its ads?",
        tables: ALL_TABLES,
        by: true,
        users: false,
        rank_by: &["ratio_low", "ratio"],
        reads: Reads::AttributedVisits,
        by_user: Some(CountsSql {
            sql: include_str!("jobs/visit_attribution.by_user.sql"),
            keys: &["bucket", "establishment_id", "user_id"],
            sums: &["visits", "attributed_visits"],
        }),
        counts: CountsSql {
            sql: include_str!("jobs/visit_attribution.counts.sql"),
            keys: &["bucket", "establishment_id"],
            sums: &["visits", "visitors", "attributed_visits", "vv", "va", "aa"],
        },
        finish: include_str!("jobs/visit_attribution.finish.sql"),
    },
    Job {
        number: 4,
        name: "category_hours",
        title: "Ad attractiveness over the day",
        question: "At which hours do people interact with the ads of each category?",
        tables: INTERACTION_TABLES,
        by: true,
        users: false,
        rank_by: &[],
        reads: Reads::Interactions,
        by_user: None,
        counts: CountsSql {
            sql: include_str!("jobs/category_hours.counts.sql"),
            keys: &["bucket", "category", "hour"],
            sums: &["interactions", "views", "clicks"],
        },
        finish: include_str!("jobs/category_hours.finish.sql"),
    },
    Job {
        number: 5,
        name: "interaction_profile",
        title: "Interaction profile",
        question: "Which ad categories does each user interact with in each part of the day?",
        tables: INTERACTION_TABLES,
        by: false,
        users: true,
        rank_by: &[],
        reads: Reads::Interactions,
        by_user: None,
        counts: INTERACTION_PROFILE,
        finish: include_str!("jobs/interaction_profile.finish.sql"),
    },
    Job {
        number: 5,
        name: "preferred_ad_categories",
        title: "Preferred ad categories",
        question: "Which ad category does each user prefer in each part of the day?",
        tables: INTERACTION_TABLES,
        by: false,
        users: true,
        rank_by: &[],
        reads: Reads::Interactions,
        by_user: None,
        counts: INTERACTION_PROFILE,
        finish: include_str!("jobs/preferred_ad_categories.finish.sql"),
    },
    Job {
        number: 6,
        name: "visit_profile",
        title: "Visit profile",
        question: "Which categories of establishments does each user visit on each weekday?",
        tables: VISIT_TABLES,
        by: false,
        users: true,
        rank_by: &[],
        reads: Reads::Visits,
        by_user: None,
        counts: VISIT_PROFILE,
        finish: include_str!("jobs/visit_profile.finish.sql"),
    },
    Job {
        number: 6,
        name: "preferred_establishment_categories",
        title: "Preferred establishment categories",
        question: "Which category of establishments does each user prefer on each weekday?",
        tables: VISIT_TABLES,
        by: false,
        users: true,
        rank_by: &[],
        reads: Reads::Visits,
        by_user: None,
        counts: VISIT_PROFILE,
        finish: include_str!("jobs/preferred_establishment_categories.finish.sql"),
    },
];

/// Options of a job.
#[derive(Debug, Clone)]
pub struct Request {
    /// `day`, `week`, `month` or `period`.
    pub by: String,
    /// The only users, if given.
    pub users: Option<Vec<String>>,
    /// The measure to rank by; the job's first if `None`.
    pub rank_by: Option<String>,
}

impl Default for Request {
    fn default() -> Self {
        Self { by: "period".into(), users: None, rank_by: None }
    }
}

/// The calendar units that a job can be asked by, and what makes each of a timestamp.
pub const BUCKETS: [(&str, &str); 4] = [
    ("day", "local_day(timestamp)"),
    ("week", "local_week(timestamp)"),
    ("month", "local_month(timestamp)"),
    ("period", "CAST(NULL AS DATE)"),
];

impl Job {
    /// The job called `name`.
    pub fn named(name: &str) -> Result<&'static Job> {
        let names = JOBS.each_ref().map(|job| job.name);
        let meant = question(closest(name, names));
        let expected = || format!("expected one of {}{meant}", names.join(", "));
        JOBS.iter().find(|job| job.name == name).ok_or_else(|| refuse("job", name, expected()))
    }
}

fn refuse(name: &str, value: &str, reason: String) -> Error {
    Error::Definition { name: name.into(), value: value.into(), reason }
}
