//! What suggestions rest on: establishments, ads, tastes, familiar places, chances; and the choice of a suggestion.

use std::collections::HashMap;

use arrow::array::{Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, SchemaRef};

use super::approach::Approach;
use super::chances::{ChanceClass, Chances};
use super::columns::TableColumns;
use super::counts::Counted;
use super::establishments::{Hours, KnownEstablishments};
use super::offers::{Moment, Offers, RunningAd, day_part_number};
use super::options::{Options, micros};
use super::user::User;
use crate::calendar::{Calendar, Clock, day_part};
use crate::error::Result;
use crate::ids::hashing::key_of;

/// A table, as batches.
pub type BatchedTable = (SchemaRef, Vec<RecordBatch>);

/// The tables, as they are given.
#[derive(Debug)]
pub struct GivenTables {
    /// establishment_id, latitude, longitude; opens_min, closes_min where known.
    pub establishments: BatchedTable,
    /// ad_id, campaign_id, category, establishment_id, ctr_low; starts, ends where known.
    pub ads: BatchedTable,
    /// user_id, day_part, category, share.
    pub tastes: Option<BatchedTable>,
    /// user_id, establishment_id.
    pub familiar: Option<BatchedTable>,
    /// miss_from_m, eta_from_s, speed_from_mps, approaches, arrivals.
    pub chances: Option<BatchedTable>,
}

/// What suggestions rest on. It does not change: another version is another value.
#[derive(Debug)]
pub struct LiveTables {
    pub(super) options: Options,
    pub(super) establishments: KnownEstablishments,
    pub(super) chances: Chances,
    pub(super) version: String,
    offers: Offers,
    calendar: Calendar,
}

impl LiveTables {
    /// Reads the tables.
    ///
    /// # Errors
    ///
    /// [`Error::MissingColumn`](crate::Error::MissingColumn) and [`Error::Data`](crate::Error::Data) for what cannot
    /// be used.
    pub fn new(given: &GivenTables, options: Options, calendar: Calendar, version: String) -> Result<Self> {
        let establishments = establishments_of(&given.establishments, &options)?;
        let mut categories = Categories::default();
        let ads = ads_of(&given.ads, &establishments, &mut categories)?;
        let mut offers = Offers::new(ads, categories.len());
        if let Some(tastes) = &given.tastes {
            add_tastes(&mut offers, tastes, &mut categories)?;
        }
        if let Some(familiar) = &given.familiar {
            let familiar = TableColumns::new("familiar", &familiar.0, &familiar.1)?;
            let known = familiar.all_texts("establishment_id")?;
            offers.add_familiar(&familiar.all_texts("user_id")?, known.iter().flatten().map(key_of));
        }
        let classes = given.chances.as_ref().map(classes_of).transpose()?.unwrap_or_default();
        Ok(Self { options, establishments, chances: Chances::new(&classes), version, offers, calendar })
    }

    /// A clock of the zone in which days and hours are counted.
    pub(super) fn clock(&self) -> Clock<'_> {
        self.calendar.clock()
    }

    /// What becomes of approaches called at an instant: the outcome of each, and the suggestion.
    pub(super) fn choose(
        &self,
        user: &User,
        id: UserId,
        approaches: &[Approach],
        now_us: i64,
        clock: &mut Clock,
    ) -> Outcomes<'_> {
        let day = clock.day(now_us);
        let moment = Moment { user: id.number, now_us, day, day_part: part_at(now_us, clock) };
        let mut choice = Outcomes { outcomes: vec![], suggestion: None, day };
        for (at, approach) in approaches.iter().enumerate() {
            match self.offer(user, approach, &moment, clock) {
                Err(outcome) => choice.outcomes.push(outcome),
                Ok((ad, score)) => {
                    choice.outcomes.push(Counted::Outscored);
                    // Approaches come in the order of their establishments' ids: of equals, the first is taken.
                    if choice.suggestion.as_ref().is_none_or(|best| score > best.score) {
                        choice.suggestion = Some(Suggested { at, ad, score });
                    }
                }
            }
        }
        if let Some(best) = &choice.suggestion {
            choice.outcomes[best.at] = if id.is_held_out { Counted::HeldOut } else { Counted::Suggested };
        }
        choice
    }

    /// The ad that would be suggested for an approach and its score, or why there is none.
    fn offer(
        &self,
        user: &User,
        approach: &Approach,
        moment: &Moment,
        clock: &mut Clock,
    ) -> std::result::Result<(&RunningAd, f64), Counted> {
        let Moment { now_us, day, .. } = *moment;
        let arrival_us = now_us.saturating_add((approach.eta_s * 1e6) as i64);
        let since = |suggested_us: i64| now_us.saturating_sub(suggested_us);
        match approach.row {
            row if !self.offers.has_any(row, day) => Err(Counted::NoAd),
            row if self.offers.is_familiar(moment.user, self.establishments.key(row)) => Err(Counted::Familiar),
            row if !self.establishments.is_open(row, minute_at(arrival_us, clock)) => Err(Counted::Closed),
            row if user.is_muted(self.establishments.group(row), now_us) => Err(Counted::Cooldown),
            _ if f64::from(user.suggestions_on(day)) >= self.options.cap => Err(Counted::Cap),
            _ if user.suggested_us.is_some_and(|us| since(us) < micros(self.options.pause_s)) => Err(Counted::Pause),
            row => self.offers.best(row, approach.chance, moment).ok_or(Counted::NoAd),
        }
    }

    /// The number of a user that the tables know.
    pub(super) fn number_of(&self, id: crate::ids::Id) -> Option<u32> {
        self.offers.user(id)
    }
}

/// Who a user is to the tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct UserId {
    pub(super) number: Option<u32>,
    pub(super) is_held_out: bool,
}

/// What became of the approaches of an instant.
pub(super) struct Outcomes<'a> {
    pub(super) outcomes: Vec<Counted>,
    pub(super) suggestion: Option<Suggested<'a>>,
    /// The local day.
    pub(super) day: i32,
}

/// The approach that is suggested, by its place among all, with its ad.
pub(super) struct Suggested<'a> {
    pub(super) at: usize,
    pub(super) ad: &'a RunningAd,
    pub(super) score: f64,
}

fn part_at(now_us: i64, clock: &mut Clock) -> u8 {
    day_part_number(day_part(clock.hour(now_us))).expect("each hour is in a part of the day")
}

fn minute_at(now_us: i64, clock: &mut Clock) -> i32 {
    (clock.local_us(now_us).rem_euclid(crate::calendar::DAY_US) / 60_000_000) as i32
}

/// Numbers for different texts, in the order in which they come.
#[derive(Default)]
struct Categories(HashMap<String, u32>);

impl Categories {
    fn of(&mut self, text: &str) -> u32 {
        let next = self.len();
        *self.0.entry(text.into()).or_insert(next)
    }

    fn len(&self) -> u32 {
        self.0.len() as u32
    }
}

fn establishments_of((schema, batches): &BatchedTable, options: &Options) -> Result<KnownEstablishments> {
    let given = TableColumns::new("establishments", schema, batches)?;
    let ids = owned(&given.all_texts("establishment_id")?);
    let (opens, closes) = (given.small("opens_min", &DataType::Int32)?, given.small("closes_min", &DataType::Int32)?);
    let hours: Vec<Hours> = opens.into_iter().zip(closes).map(|(opens, closes)| opens.zip(closes)).collect();
    KnownEstablishments::new(ids, given.numbers("latitude")?, given.numbers("longitude")?, hours, options)
}

fn owned(texts: &StringViewArray) -> Vec<String> {
    texts.iter().flatten().map(String::from).collect()
}

/// The ads of each establishment; those of none, or of one that is not known, are left out.
fn ads_of(
    (schema, batches): &BatchedTable,
    establishments: &KnownEstablishments,
    categories: &mut Categories,
) -> Result<Vec<Vec<RunningAd>>> {
    let given = TableColumns::new("ads", schema, batches)?;
    let (ids, campaigns) = (given.all_texts("ad_id")?, given.all_texts("campaign_id")?);
    let (names, owners) = (given.all_texts("category")?, given.texts("establishment_id")?);
    let ctr_low = given.numbers("ctr_low")?;
    let (starts, ends) = (given.small("starts", &DataType::Date32)?, given.small("ends", &DataType::Date32)?);
    let mut ads = vec![vec![]; establishments.len()];
    for row in 0..given.len() {
        let category = categories.of(names.value(row));
        let owner = owners.is_valid(row).then(|| owners.value(row)).and_then(|id| establishments.row_of_id(id));
        if let Some(owner) = owner {
            ads[owner as usize].push(RunningAd {
                ad_id: ids.value(row).into(),
                campaign_id: campaigns.value(row).into(),
                category,
                ctr_low: ctr_low[row],
                days: (starts[row], ends[row]),
            });
        }
    }
    Ok(ads)
}

fn add_tastes(offers: &mut Offers, (schema, batches): &BatchedTable, categories: &mut Categories) -> Result<()> {
    let given = TableColumns::new("tastes", schema, batches)?;
    let (users, parts, names) =
        (given.all_texts("user_id")?, given.all_texts("day_part")?, given.all_texts("category")?);
    let shares = given.numbers("share")?;
    let mut rows = vec![];
    for (row, share) in shares.into_iter().enumerate() {
        let refused =
            || given.unusable("day_part", row, parts.value(row), "expected night, morning, afternoon or evening");
        let part = day_part_number(parts.value(row)).ok_or_else(refused)?;
        rows.push((part, categories.of(names.value(row)), share));
    }
    offers.add_tastes(&users, rows.into_iter());
    Ok(())
}

fn classes_of((schema, batches): &BatchedTable) -> Result<Vec<ChanceClass>> {
    let given = TableColumns::new("chances", schema, batches)?;
    let (misses_m, etas_s) = (given.numbers("miss_from_m")?, given.numbers("eta_from_s")?);
    let speeds_mps = given.numbers("speed_from_mps")?;
    let (approaches, arrivals) = (given.counts("approaches")?, given.counts("arrivals")?);
    let class = |row: usize| ChanceClass {
        miss_m: misses_m[row],
        eta_s: etas_s[row],
        speed_mps: speeds_mps[row],
        approaches: approaches[row],
        arrivals: arrivals[row],
    };
    Ok((0..given.len()).map(class).collect())
}
