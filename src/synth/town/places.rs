//! Where things are: a plane around Recife, its neighbourhoods and its coast.
//!
//! The neighbourhoods' positions are rough: the city is like Recife, and no map of it.

use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;

use super::point::Point;
use super::roads::Roads;
use crate::synth::random::{Stream, weighted};

/// A neighbourhood or a town: name, latitude, longitude, spread in metres, homes, shops (both relative to the others).
type Hub = (&'static str, f64, f64, f64, f64, f64);

const HUBS: [Hub; 44] = [
    ("Boa Viagem", -8.1190, -34.9030, 900.0, 9.0, 10.0),
    ("Pina", -8.0930, -34.8880, 600.0, 3.5, 3.0),
    ("Recife Antigo", -8.0630, -34.8730, 350.0, 0.5, 6.0),
    ("Boa Vista", -8.0600, -34.8860, 500.0, 3.0, 9.0),
    ("Santo Antônio", -8.0660, -34.8800, 400.0, 1.0, 7.0),
    ("Santo Amaro", -8.0470, -34.8810, 500.0, 2.5, 3.5),
    ("Espinheiro", -8.0420, -34.8930, 450.0, 2.5, 3.5),
    ("Graças", -8.0460, -34.9000, 400.0, 2.5, 3.0),
    ("Casa Forte", -8.0340, -34.9180, 500.0, 2.5, 3.0),
    ("Casa Amarela", -8.0250, -34.9170, 600.0, 4.0, 3.0),
    ("Torre", -8.0470, -34.9110, 450.0, 2.5, 1.5),
    ("Madalena", -8.0560, -34.9090, 450.0, 2.5, 2.0),
    ("Ilha do Leite", -8.0655, -34.8960, 350.0, 1.0, 3.0),
    ("Afogados", -8.0770, -34.9080, 600.0, 3.5, 3.5),
    ("Imbiribeira", -8.1090, -34.9150, 700.0, 4.5, 3.0),
    ("Ipsep", -8.1060, -34.9260, 500.0, 3.0, 1.2),
    ("Cordeiro", -8.0490, -34.9280, 600.0, 4.0, 2.0),
    ("Iputinga", -8.0370, -34.9380, 600.0, 4.0, 1.5),
    ("Várzea", -8.0480, -34.9560, 700.0, 4.0, 1.8),
    ("Cidade Universitária", -8.0530, -34.9490, 400.0, 0.8, 2.0),
    ("Dois Irmãos", -8.0150, -34.9440, 600.0, 1.5, 0.5),
    ("Encruzilhada", -8.0350, -34.8900, 400.0, 2.5, 2.0),
    ("Arruda", -8.0270, -34.8860, 500.0, 3.0, 1.2),
    ("Água Fria", -8.0190, -34.8960, 600.0, 4.0, 1.2),
    ("Beberibe", -8.0070, -34.8990, 600.0, 4.0, 1.2),
    ("Peixinhos", -8.0080, -34.8790, 600.0, 3.5, 1.5),
    ("Olinda", -7.9930, -34.8730, 700.0, 4.0, 2.5),
    ("Paulista", -7.9600, -34.8790, 900.0, 4.0, 1.5),
    ("Paratibe", -7.9480, -34.9050, 900.0, 2.5, 0.6),
    ("Guabiraba", -7.9820, -34.9150, 900.0, 2.0, 0.4),
    ("Ibura", -8.1210, -34.9460, 800.0, 4.5, 1.0),
    ("Jordão", -8.1380, -34.9380, 700.0, 3.5, 0.9),
    ("Barro", -8.0940, -34.9500, 600.0, 3.0, 1.0),
    ("Tejipió", -8.0880, -34.9610, 600.0, 2.5, 0.8),
    ("Areias", -8.0920, -34.9310, 500.0, 3.0, 1.2),
    ("San Martin", -8.0680, -34.9280, 600.0, 3.5, 1.2),
    ("Camaragibe", -8.0240, -34.9780, 800.0, 3.0, 1.2),
    ("Setúbal", -8.1400, -34.9080, 600.0, 3.0, 2.0),
    // Towns outside: a few dozen of a thousand establishments, and few of the homes.
    ("Cabo", -8.2830, -35.0350, 1200.0, 0.9, 0.8),
    ("Igarassu", -7.8340, -34.9060, 1000.0, 0.9, 0.7),
    ("Vitória", -8.1130, -35.2900, 1200.0, 0.6, 0.7),
    ("Carpina", -7.8500, -35.2500, 900.0, 0.5, 0.4),
    ("Porto de Galinhas", -8.5050, -35.0050, 600.0, 0.3, 0.6),
    ("Caruaru", -8.2840, -35.9720, 1800.0, 0.8, 1.0),
];

/// The neighbourhoods above the towns.
const IN_THE_CITY: usize = 38;

/// The coast: latitude, and the longitude east of which there is water.
const COAST: [(f64, f64); 8] = [
    (-8.155, -34.906),
    (-8.120, -34.894),
    (-8.095, -34.879),
    (-8.063, -34.868),
    (-8.040, -34.866),
    (-8.010, -34.862),
    (-7.980, -34.860),
    (-7.930, -34.860),
];

/// A neighbourhood or a town, as a map shows it.
#[derive(Debug)]
pub struct Neighbourhood {
    pub name: &'static str,
    pub middle: Point,
    /// How far from the middle its streets lead.
    pub reach_m: f64,
    /// Of all homes, relative to the others.
    pub homes: f64,
}

/// The neighbourhoods, and the roads between them.
#[derive(Debug)]
pub struct Places {
    hubs: Vec<Point>,
    homes: WeightedIndex<f64>,
    shops: WeightedIndex<f64>,
    /// The roads between them.
    pub roads: Roads,
}

impl Default for Places {
    fn default() -> Self {
        let hubs: Vec<_> = HUBS.iter().map(|hub| Point::at(hub.1, hub.2)).collect();
        let roads = Roads::new(hubs.clone());
        Self { homes: weighted(HUBS.map(|hub| hub.4)), shops: weighted(HUBS.map(|hub| hub.5)), hubs, roads }
    }
}

impl Places {
    /// The neighbourhoods and towns.
    pub fn neighbourhoods(&self) -> impl Iterator<Item = Neighbourhood> {
        let of = |(hub, middle): (&Hub, &Point)| Neighbourhood {
            name: hub.0,
            middle: *middle,
            reach_m: 2.0 * hub.3,
            homes: hub.4,
        };
        HUBS.iter().zip(&self.hubs).map(of)
    }

    /// The corners of the coast, from south to north; east of it there is water.
    pub fn coast(&self) -> impl Iterator<Item = Point> {
        COAST.iter().map(|(latitude, longitude)| Point::at(*latitude, *longitude))
    }

    /// Somewhere to live.
    pub fn home(&self, random: &mut Stream) -> Point {
        self.around(self.homes.sample(random), 1.4, random)
    }

    /// Somewhere to sell, or to work.
    pub fn shop(&self, random: &mut Stream) -> Point {
        self.around(self.shops.sample(random), 1.4, random)
    }

    /// A point of a neighbourhood, on dry land and, for those of the city, inside its box.
    fn around(&self, hub: usize, breadth: f64, random: &mut Stream) -> Point {
        for _ in 0..64 {
            let point = self.hubs[hub].near(random, HUBS[hub].3 * breadth);
            if hub >= IN_THE_CITY || is_land(point) {
                return point;
            }
        }
        self.hubs[hub]
    }
}

pub fn is_land(point: Point) -> bool {
    let (latitude, longitude) = (point.latitude(), point.longitude());
    let stretch = COAST.windows(2).find(|ends| (ends[0].0..=ends[1].0).contains(&latitude));
    stretch.is_some_and(|ends| {
        let share = (latitude - ends[0].0) / (ends[1].0 - ends[0].0);
        longitude > -34.99 && longitude < ends[0].1 + share * (ends[1].1 - ends[0].1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::random::{Purpose, stream};

    #[test]
    fn homes_of_the_city_stand_on_land_inside_its_box() {
        let (places, mut random) = (Places::default(), stream(1, Purpose::Person, 0));
        let homes: Vec<_> = (0..1000).map(|_| places.home(&mut random)).collect();
        let inside = homes.iter().filter(|&&home| is_land(home)).count();
        assert!((900..1000).contains(&inside), "{inside}");
    }

    #[test]
    fn a_point_goes_to_degrees_and_back() {
        let point = Point::at(-8.1, -34.95);
        assert_eq!((point.latitude(), point.longitude()), (-8.1, -34.95));
    }
}
