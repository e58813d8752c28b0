//! Each kernel by the clock.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernels::{KERNELS, ROWS};

fn by_the_clock(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernels");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, prepare) in KERNELS {
        let mut run = prepare();
        group.bench_function(name, |bencher| bencher.iter(&mut run));
    }
}

criterion_group!(clock, by_the_clock);
criterion_main!(clock);
