//! The statements of a job, as its options ask for them.

use super::{BUCKETS, CountsSql, Job, Request, refuse};
use crate::Result;

impl Job {
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

#[cfg(test)]
mod tests {
    use super::super::JOBS;
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
