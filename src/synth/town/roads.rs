//! The roads: between neighbourhoods, with a bend each, and the streets and avenues around their middles.

use super::point::Point;

/// The blocks of a neighbourhood are about this long.
const BLOCK_M: f64 = 220.0;
/// Each neighbourhood's streets are turned against those of the one before: radians.
const TURN: f64 = 0.7;

/// The roads between some neighbourhoods.
#[derive(Debug)]
pub struct Roads {
    hubs: Vec<Point>,
    /// The neighbourhood to go through next, from row to column.
    next: Vec<Vec<usize>>,
}

impl Roads {
    /// The roads between the middles of neighbourhoods.
    pub fn new(hubs: Vec<Point>) -> Self {
        Self { next: shortest_roads(&hubs), hubs }
    }

    /// The roads between neighbourhoods next to each other, with their bends.
    pub fn between_neighbourhoods(&self) -> Vec<[Point; 3]> {
        let hubs = 0..self.hubs.len();
        let pairs = hubs.clone().flat_map(|from| hubs.clone().map(move |to| (from, to)));
        let roads = pairs.filter(|(from, to)| from < to && self.next[*from][*to] == *to);
        roads.map(|(from, to)| [self.hubs[from], self.bend(from, to), self.hubs[to]]).collect()
    }

    /// The streets of a neighbourhood up to so far from its middle; the two avenues come first.
    pub fn streets_within(&self, hub: usize, reach_m: f64) -> Vec<[Point; 2]> {
        let (sin, cos) = (hub as f64 * TURN).sin_cos();
        let middle = self.hubs[hub];
        let at = |along: f64, across: f64| Point {
            x: middle.x + along * cos - across * sin,
            y: middle.y + along * sin + across * cos,
        };
        let blocks = (reach_m / BLOCK_M) as i32;
        let mut numbers: Vec<i32> = (-blocks..=blocks).collect();
        numbers.sort_by_key(|number| number.abs());
        let street = |number: i32| {
            let off_m = f64::from(number) * BLOCK_M;
            let half_m = (reach_m * reach_m - off_m * off_m).max(0.0).sqrt();
            [[at(-half_m, off_m), at(half_m, off_m)], [at(off_m, -half_m), at(off_m, half_m)]]
        };
        numbers.into_iter().flat_map(street).collect()
    }

    /// Puts the corners of a ride behind `path`: to the middle of the neighbourhood, on to the other one, and there.
    pub fn ride(&self, from: Point, to: Point, path: &mut Vec<Point>) {
        let (mut hub, last) = (self.nearest(from), self.nearest(to));
        path.push(from);
        if hub == last {
            path.push(Point { x: from.x, y: to.y });
        } else {
            path.extend(self.streets(from, hub));
            while hub != last {
                let next = self.next[hub][last];
                path.extend([self.hubs[hub], self.bend(hub, next)]);
                hub = next;
            }
            path.push(self.hubs[last]);
            path.extend(self.streets(to, last).into_iter().rev());
        }
        path.push(to);
    }

    fn nearest(&self, point: Point) -> usize {
        let distances_m = self.hubs.iter().map(|hub| hub.distance_m(point));
        distances_m.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(hub, _)| hub)
    }

    /// The corners on the way to the middle of a neighbourhood: to the next street, and along it to an avenue.
    fn streets(&self, from: Point, hub: usize) -> [Point; 2] {
        let (sin, cos) = (hub as f64 * TURN).sin_cos();
        let middle = self.hubs[hub];
        let (east, north) = (from.x - middle.x, from.y - middle.y);
        let (along, across) = (east * cos + north * sin, north * cos - east * sin);
        let back = |(along, across): (f64, f64)| Point {
            x: middle.x + along * cos - across * sin,
            y: middle.y + along * sin + across * cos,
        };
        let street = |at_m: f64| (at_m / BLOCK_M).round() * BLOCK_M;
        if along.abs() > across.abs() {
            [(street(along), across), (street(along), 0.0)].map(back)
        } else {
            [(along, street(across)), (0.0, street(across))].map(back)
        }
    }

    /// Where the road between two neighbourhoods bends, the same in both directions.
    fn bend(&self, from: usize, to: usize) -> Point {
        let (low, high) = (from.min(to), from.max(to));
        let (a, b) = (self.hubs[low], self.hubs[high]);
        let middle = a.towards(b, 0.35 + 0.3 * scatter(low, high));
        let side = 0.3 * (scatter(high, low) - 0.5);
        Point { x: middle.x - side * (b.y - a.y), y: middle.y + side * (b.x - a.x) }
    }
}

/// A fixed number from 0 to 1 that looks like chance.
fn scatter(a: usize, b: usize) -> f64 {
    ((a * 37 + b * 101) as f64 * 0.618_033_988_749_895).fract()
}

/// Floyd 1962, "Algorithm 97: Shortest path".
fn shortest_roads(hubs: &[Point]) -> Vec<Vec<usize>> {
    let count = hubs.len();
    // The power makes two short roads cheaper than a long one past the neighbourhood between them.
    let cost = |a: Point, b: Point| a.distance_m(b).powf(1.6);
    let mut costs: Vec<Vec<f64>> = hubs.iter().map(|&a| hubs.iter().map(|&b| cost(a, b)).collect()).collect();
    let mut next: Vec<Vec<usize>> = vec![(0..count).collect(); count];
    for middle in 0..count {
        for from in 0..count {
            for to in 0..count {
                let through = costs[from][middle] + costs[middle][to];
                if through < costs[from][to] {
                    costs[from][to] = through;
                    next[from][to] = next[from][middle];
                }
            }
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::town::places::Places;

    #[test]
    fn every_pair_of_neighbourhoods_is_connected() {
        let roads = &Places::default().roads;
        for &from in &roads.hubs {
            for &to in &roads.hubs {
                let mut path = Vec::new();
                roads.ride(from, to, &mut path);
                assert_eq!((path[0], path[path.len() - 1]), (from, to));
                assert!(path.len() <= 2 * roads.hubs.len() + 6);
            }
        }
    }

    #[test]
    fn streets_lead_along_blocks() {
        let roads = Roads::new(vec![Point::default()]);
        let corners = roads.streets(Point { x: 1000.0, y: 300.0 }, 0);
        assert_eq!(corners, [Point { x: 1100.0, y: 300.0 }, Point { x: 1100.0, y: 0.0 }]);
    }
}
