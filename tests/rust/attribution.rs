//! Evidence against a look at every interaction, from the definition's words.

use footfall::attribution::{Credit, Evidence, Interaction, Visit};
use proptest::prelude::*;

/// Of one user: an interaction with an ad of an establishment, or a visit to it.
#[derive(Clone, Debug)]
enum Event {
    Interaction(u32, Credit),
    Visit(u32, i64),
}

/// The latest interaction with an ad of that establishment at most the window before; at one instant a click before
/// a view, then the smallest ad.
fn credit_from_all(events: &[Event], establishment: u32, visit_us: i64, window_us: i64) -> Option<Credit> {
    let mut candidates: Vec<Credit> = Vec::new();
    for event in events {
        if let Event::Interaction(place, credit) = event {
            let after_us = visit_us - credit.timestamp_us;
            if *place == establishment && after_us >= 0 && after_us <= window_us {
                candidates.push(*credit);
            }
        }
    }
    let latest_us = candidates.iter().map(|credit| credit.timestamp_us).max()?;
    candidates.retain(|credit| credit.timestamp_us == latest_us);
    if candidates.iter().any(|credit| credit.click) {
        candidates.retain(|credit| credit.click);
    }
    candidates.into_iter().min_by_key(|credit| credit.ad)
}

fn event() -> impl Strategy<Value = Event> {
    // Few instants, establishments and ads, so that all ties come up.
    let interaction = (0..3_u32, -40..40_i64, any::<bool>(), 0..4_u32)
        .prop_map(|(place, timestamp_us, click, ad)| Event::Interaction(place, Credit { timestamp_us, click, ad }));
    let visit = (0..3_u32, -40..40_i64).prop_map(|(place, timestamp_us)| Event::Visit(place, timestamp_us));
    prop_oneof![interaction, visit]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_evidence_credits_what_the_definition_says(
        users in prop::collection::vec(prop::collection::vec(event(), 0..40), 1..4),
        window_us in 0..30_i64,
    ) {
        let (mut parts, mut visits) = ([vec![], vec![]], vec![]);
        for (user, events) in (0..).zip(&users) {
            for (row, event) in events.iter().enumerate() {
                match event {
                    // Ads 0, 3, 6... are of establishment 0, and so on.
                    Event::Interaction(place, credit) => {
                        let credit = Credit { ad: credit.ad * 3 + place, ..*credit };
                        parts[row % 2].push(Interaction::new(user, credit));
                    }
                    Event::Visit(place, at) => visits.push(Visit { timestamp_us: *at, user, establishment: *place }),
                }
            }
        }
        let evidence = Evidence::new(&[&parts[0], &parts[1]], users.len(), |ad| ad % 3, window_us);
        for visit in &visits {
            let place = visit.establishment;
            let wanted = credit_from_all(&users[visit.user as usize], place, visit.timestamp_us, window_us);
            let wanted = wanted.map(|credit| Credit { ad: credit.ad * 3 + place, ..credit });
            prop_assert_eq!(evidence.credit(visit), wanted);
        }
    }
}
