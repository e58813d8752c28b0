//! Each kernel by the instructions it takes, which do not depend on what else a machine does.
//!
//! Runs itself under valgrind's callgrind, which counts while `measured` runs, and writes a table.

use std::process::{Command, ExitCode};

use kernels::{KERNELS, ROWS};

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        Some(name) => {
            let kernel = KERNELS.iter().find(|(known, _)| *known == name);
            kernel.map_or(ExitCode::FAILURE, |(_, prepare)| {
                let mut run = prepare();
                run();
                measured(&mut run);
                ExitCode::SUCCESS
            })
        }
        None => table(),
    }
}

/// What is counted: a second run, so that nothing is done for the first time.
#[inline(never)]
fn measured(run: &mut dyn FnMut()) {
    std::hint::black_box(run)();
}

fn table() -> ExitCode {
    println!("| kernel | instructions for a row |\n| --- | ---: |");
    for (name, _) in KERNELS {
        match instructions(name) {
            Ok(count) => println!("| {name} | {:.1} |", count as f64 / ROWS as f64),
            Err(reason) => {
                eprintln!("{name}: {reason}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn instructions(kernel: &str) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured*"])
        .arg(own)
        .arg(kernel)
        .output()
        .map_err(|error| format!("valgrind is needed: {error}"))?;
    let report = String::from_utf8_lossy(&valgrind.stderr);
    let collected = report.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind says no count: {report}"))
}
