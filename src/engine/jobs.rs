//! The registry of the jobs, and the statements that each of them is.

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

    /// The statement that counts: integers by key, which add up over any split of whole users.
    pub fn counts(&self, request: &Request) -> Result<String> {
        self.with_users(&self.counts_of_anybody(request)?, request)
    }

    /// Writes the statement over counts by user, which `by_user` has summed.
    pub fn counts_of(&self, request: &Request, by_user: &str) -> Result<String> {
        self.with_users(&self.by_unit(self.counts, request)?.replace("{by_user}", by_user), request)
    }

    /// The counts by user that the counts are made of, if they are made of any, and their statement.
    pub fn by_user(&self, request: &Request) -> Result<Option<(CountsSql, String)>> {
        let own = self.by_user.or_else(|| self.is_by_user().then_some(self.counts));
        let statement = |counts| self.with_users(&self.by_unit(counts, request)?, request);
        own.map(|counts| Ok((counts, statement(counts)?))).transpose()
    }

    /// The counts, with the token that [`Job::with_users`] fills.
    fn counts_of_anybody(&self, request: &Request) -> Result<String> {
        let by_user = self.by_user.map(|by_user| self.by_unit(by_user, request)).transpose()?;
        let by_user = by_user.map(|sql| format!("(\n{})", indent(&sql))).unwrap_or_default();
        Ok(self.by_unit(self.counts, request)?.replace("{by_user}", &by_user))
    }

    fn by_unit(&self, counts: CountsSql, request: &Request) -> Result<String> {
        Ok(counts.sql.replace("{bucket}", self.bucket(request)?.1))
    }

    /// Fills in the users last of all: what their ids hold is no token, and no line to be indented.
    fn with_users(&self, sql: &str, request: &Request) -> Result<String> {
        Ok(sql.replace("{users}", &self.users(request)?))
    }

    /// Whether its counts are by user.
    pub fn is_by_user(&self) -> bool {
        self.counts.keys.contains(&"user_id")
    }

    /// The statement that adds up partial counts in `table`.
    pub fn summed(&self, table: &str) -> String {
        self.counts.summed(table)
    }

    /// The statement that makes the answer of the table `counts`.
    pub fn finish(&self, request: &Request) -> Result<String> {
        let by = self.bucket(request)?.0;
        let buckets = match by {
            "period" => "SELECT CAST(NULL AS DATE) AS bucket",
            _ => "SELECT DISTINCT bucket FROM counts",
        };
        let sql = self.finish.replace("{rank_by}", self.rank(request)?).replace("{buckets}", buckets);
        Ok(name_bucket(self, &sql, by))
    }

    /// Both as one statement, which anybody can run.
    pub fn sql(&self, request: &Request) -> Result<String> {
        self.with_users(&self.sql_of(&self.counts_of_anybody(request)?, request)?, request)
    }

    /// The statement that makes the answer of what `counts` counts.
    pub fn sql_of(&self, counts: &str, request: &Request) -> Result<String> {
        Ok(format!("WITH counts AS (\n{})\n{}", indent(counts), self.finish(request)?))
    }

    fn bucket(&self, request: &Request) -> Result<(&'static str, &'static str)> {
        let by = request.by.as_str();
        if by != "period" && !self.by {
            return Err(refuse("by", by, format!("{} covers the whole period", self.name)));
        }
        let bucket = BUCKETS.into_iter().find(|(name, _)| *name == by);
        bucket.ok_or_else(|| refuse("by", by, "expected \"day\", \"week\", \"month\" or \"period\"".into()))
    }

    fn rank(&self, request: &Request) -> Result<&'static str> {
        let usual = self.rank_by.first().copied().unwrap_or_default();
        let Some(wanted) = &request.rank_by else { return Ok(usual) };
        let found = self.rank_by.iter().find(|measure| *measure == wanted);
        found.copied().ok_or_else(|| {
            let reason = match self.rank_by {
                [] => format!("{} has no rank", self.name),
                measures => format!("{} ranks by {}", self.name, measures.join(" or ")),
            };
            refuse("rank_by", wanted, reason)
        })
    }

    fn users(&self, request: &Request) -> Result<String> {
        match &request.users {
            None => Ok("true".into()),
            Some(users) if !self.users => {
                Err(refuse("users", &format!("{} users", users.len()), format!("{} has no users", self.name)))
            }
            Some(users) if users.is_empty() => Ok("false".into()),
            Some(users) => {
                let quoted = users.iter().map(|user| format!("'{}'", user.replace('\'', "''")));
                Ok(format!("user_id IN ({})", quoted.collect::<Vec<_>>().join(", ")))
            }
        }
    }
}

/// The column `bucket` takes the name of its unit, and goes when the whole period is one bucket.
fn name_bucket(job: &Job, sql: &str, by: &str) -> String {
    match (job.by, by) {
        (false, _) => sql.into(),
        (true, "period") => format!("SELECT * EXCEPT (bucket)\nFROM (\n{})\n{}", indent(sql), order_of(sql, by)),
        (true, _) => {
            format!("SELECT bucket AS {by}, * EXCEPT (bucket)\nFROM (\n{})\n{}", indent(sql), order_of(sql, by))
        }
    }
}

/// The last line of a `finish` statement, in the renamed columns.
fn order_of(sql: &str, by: &str) -> String {
    let last = sql.trim_end().lines().last().unwrap_or_default();
    last.replace("BY bucket, ", &if by == "period" { "BY ".to_string() } else { format!("BY {by}, ") })
}

fn indent(sql: &str) -> String {
    sql.lines().map(|line| format!("    {line}\n")).collect()
}

fn refuse(name: &str, value: &str, reason: String) -> Error {
    Error::Definition { name: name.into(), value: value.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(by: &str) -> Request {
        Request { by: by.into(), ..Request::default() }
    }

    #[test]
    fn no_token_is_left_in_any_statement() {
        for job in &JOBS {
            for unit in ["day", "week", "month", "period"] {
                let Ok(sql) = job.sql(&by(unit)) else { continue };
                assert!(!sql.contains('{'), "{sql}");
            }
        }
    }

    #[test]
    fn what_a_job_cannot_do_is_refused() {
        let profile = Job::named("visit_profile").expect("it is registered");
        assert!(Job::named("campaign_ctr").expect("it is registered").sql(&by("year")).is_err());
        assert!(profile.sql(&by("month")).is_err() && Job::named("nothing").is_err());
    }
}
