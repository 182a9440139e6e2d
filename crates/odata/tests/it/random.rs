//! Random rows and random queries for `equivalence`, reproducible from a seed.

use crate::fixture::{BUSY, TABLES};
use bandmaster_odata::json::Cell;
use bandmaster_odata::memory::bound::Row;
use std::collections::HashMap;

pub type Data = HashMap<String, Vec<Row>>;

/// A generator of numbers; splitmix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Short, of mixed case, with signs that mean something to LIKE, beyond ASCII, and alike when folded.
const TEXTS: &[&str] = &[
    "", " ", "a", "A", "b", "B", "ab", "aB", "Ab", "ABC", "abc", "ä", "Ä", "äA", "ß", "ẞ", "İ", "i", "I", "ı", "ΣΑΣ",
    "σας", "σασ", "50%", "50", "%", "_", "a_b", "axb", "\\", "a\\b", "\\%", "it's", "'", "''", " A ", "alpha",
    "ALPHA ", "日本", "日", "🤖", "\u{212A}", "k", "K", "é", "e\u{301}", "É", "Ω", "\u{2126}", "ǅ", "ǆ", "-1", "10",
    "9", "ﬁ",
];

const GUIDS: &[&str] = &[
    "00000000-0000-0000-0000-000000000000",
    "8066c309-cef8-4b47-9163-b273fc14cc43",
    "f066c309-cef8-4b47-9163-b273fc14cc43",
    "a1b2c3d4-0000-4000-8000-000000000001",
];

/// Around the turns of days, months and years, before and after 1970, and the ends of what can be written.
const MOMENTS: &[&str] = &[
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00.000001Z",
    "2000-02-29T12:30:45.5Z",
    "1900-02-28T23:59:59Z",
    "1900-03-01T00:00:00Z",
    "2026-01-05T08:00:03.4Z",
    "2025-12-31T23:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "2024-02-29T00:00:00Z",
    "2024-03-01T00:00:00Z",
];

const REALS: &[f64] = &[0.0, -0.0, 0.5, -0.5, 1.0, 1.5, 2.0, 3.25, -7.0, 1e18, -1e300];

/// Rows for all tables: some of another tenant, some in folders that are not seen, many nulls, dangling links.
pub fn data(rng: &mut Rng) -> Data {
    let sizes = [("jobs", 45), ("robots", 8), ("licenses", 4), ("tags", 60), ("queues", 12), ("queue_folders", 18)];
    let mut data = Data::new();
    for (table, columns) in TABLES {
        let size = sizes.iter().find(|(t, _)| t == table).unwrap().1;
        let rows = (0..size).map(|i| row(rng, table, columns, i)).collect();
        data.insert((*table).to_owned(), rows);
    }
    data
}

fn row(rng: &mut Rng, table: &str, columns: &[(&str, char)], i: i64) -> Row {
    let mut row = Row::new();
    for (column, _) in columns {
        let null = rng.one_in(5);
        let value = match (*column, table) {
            // Keys of the licences differ only in what folding keeps apart.
            ("id", "licenses") => Cell::Text(["a", "B", "ä", "it's"][usize::try_from(i).unwrap()].to_owned()),
            ("id", _) => Cell::Int(i + 1),
            ("tenant_id", _) => Cell::Int(if rng.one_in(8) { 2 } else { 1 }),
            ("organization_id", _) => Cell::Int(if rng.one_in(5) { 8 } else { 9 }),
            ("folder_id", _) => Cell::Int(10 + rng.below(3) as i64),
            ("job_id", _) => Cell::Int(1 + rng.below(48) as i64),
            ("queue_id", _) => Cell::Int(1 + rng.below(12) as i64),
            _ if null => Cell::Null,
            ("robot_id", _) => Cell::Int(1 + rng.below(9) as i64),
            ("license_id", _) => Cell::Text(rng.pick(&["a", "B", "ä", "A", "it's"]).to_owned()),
            ("key", _) => Cell::Text(rng.pick(GUIDS).to_owned()),
            ("state", _) => Cell::Int(rng.pick(&[0, 1, 2, 4, 5])),
            ("enabled", _) => Cell::Int(rng.below(2) as i64),
            ("started", _) => Cell::Int(bandmaster_odata::time::parse(rng.pick(MOMENTS)).unwrap()),
            ("score", _) => Cell::Real(rng.pick(REALS)),
            ("data", _) => Cell::Text("{\"a\":[1,null]}".to_owned()),
            ("priority" | "weight" | "slots", _) => Cell::Int(rng.below(6) as i64 - 2),
            _ => Cell::Text(rng.pick(TEXTS).to_owned()),
        };
        row.insert((*column).to_owned(), value);
    }
    if table == "jobs" {
        // As the expression has it: null is not greater.
        let busy = matches!(row["priority"], Cell::Int(p) if p > 1);
        row.insert(BUSY.to_owned(), Cell::Int(i64::from(busy)));
    }
    row
}

/// A property that may stand in conditions: its path and what it holds.
type Field = (&'static str, char);

const JOB: &[Field] = &[
    ("Id", 'i'),
    ("key", 'g'),
    ("Name", 't'),
    ("INFO", 't'),
    ("State", 's'),
    ("Priority", 'i'),
    ("Enabled", 'b'),
    ("Started", 'd'),
    ("Score", 'r'),
    ("Busy", 'b'),
    ("Robot/Id", 'i'),
    ("Robot/Name", 't'),
    ("robot/version", 't'),
    ("Robot/License/Code", 't'),
    ("Robot/License/Slots", 'i'),
];
const ROBOT: &[Field] = &[("Id", 'i'), ("Name", 't'), ("Version", 't'), ("License/Code", 't'), ("License/Slots", 'i')];
const TAG: &[Field] =
    &[("Id", 'i'), ("Label", 't'), ("Weight", 'i'), ("Robot/Name", 't'), ("Robot/License/Slots", 'i')];
const QUEUE: &[Field] = &[("Id", 'i'), ("Name", 't')];
const LICENSE: &[Field] = &[("Code", 't'), ("Slots", 'i')];

/// To-many navigations of a type, and what they lead to.
fn many(ty: &str) -> &'static [(&'static str, &'static str)] {
    match ty {
        "JobDto" => &[("Tags", "TagDto"), ("Robot/Jobs", "JobDto")],
        "RobotDto" => &[("Jobs", "JobDto")],
        "TagDto" => &[("Robot/Jobs", "JobDto")],
        _ => &[],
    }
}

fn fields(ty: &str) -> &'static [Field] {
    match ty {
        "JobDto" => JOB,
        "RobotDto" => ROBOT,
        "TagDto" => TAG,
        "QueueDto" => QUEUE,
        _ => LICENSE,
    }
}

/// Builds the text of one query.
pub struct Generator<'r> {
    pub rng: &'r mut Rng,
    /// Expressions that may still be made.
    budget: usize,
    /// Prefix and type of what names stand for: the row, then the variables around.
    scopes: Vec<(String, &'static str)>,
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl<'r> Generator<'r> {
    pub fn new(rng: &'r mut Rng, ty: &'static str) -> Generator<'r> {
        let budget = 1 + rng.below(12);
        Generator { rng, budget, scopes: vec![(String::new(), ty)] }
    }

    fn field(&mut self, wanted: &[char]) -> Option<String> {
        // Mostly of the innermost row.
        let at = if self.rng.one_in(4) { self.rng.below(self.scopes.len()) } else { self.scopes.len() - 1 };
        let (prefix, ty) = self.scopes[at].clone();
        let fitting: Vec<Field> = fields(ty).iter().copied().filter(|(_, k)| wanted.contains(k)).collect();
        if fitting.is_empty() {
            return None;
        }
        let (path, _) = self.rng.pick(&fitting);
        Some(format!("{prefix}{path}"))
    }

    /// A value of a kind: a property, or now and then a function of one.
    fn value(&mut self, kind: char) -> Option<String> {
        match kind {
            't' if self.rng.one_in(4) => {
                let text = self.field(&['t', 'g'])?;
                Some(match self.rng.below(6) {
                    0 => format!("tolower({text})"),
                    1 => format!("toupper({text})"),
                    2 => format!("trim({text})"),
                    3 => format!("concat({text},{})", quote(self.rng.pick(TEXTS))),
                    4 => format!("substring({text},{})", self.rng.below(3)),
                    _ => format!("substring({text},{},{})", self.rng.below(3), self.rng.below(3)),
                })
            }
            'i' if self.rng.one_in(4) => {
                if self.rng.one_in(2) {
                    return Some(format!("length({})", self.field(&['t', 'g'])?));
                }
                let part = self.rng.pick(&["year", "month", "day", "hour", "minute", "second"]);
                Some(format!("{part}({})", self.field(&['d'])?))
            }
            'd' if self.rng.one_in(4) => Some(format!("date({})", self.field(&['d'])?)),
            _ => self.field(&[kind]),
        }
    }

    fn literal(&mut self, kind: char) -> String {
        match kind {
            'i' => match self.rng.below(8) {
                0 => self.rng.pick(&["1.5", "-0.5", "2.0", "1e30", "-1e30", "1e3"]).to_owned(),
                1 => self.rng.pick(&["9223372036854775807", "-9223372036854775808", "2024", "12", "59L"]).to_owned(),
                _ => format!("{}", self.rng.below(8) as i64 - 2),
            },
            'r' => match self.rng.below(2) {
                0 => format!("{:?}", self.rng.pick(REALS)),
                _ => format!("{}", self.rng.below(5) as i64 - 2),
            },
            'g' => {
                let guid = self.rng.pick(GUIDS);
                if self.rng.one_in(2) { guid.to_uppercase() } else { quote(guid) }
            }
            's' => {
                let name = self.rng.pick(&["Pending", "running", "Stopping", "Faulted", "SUCCESSFUL"]);
                match self.rng.below(4) {
                    0 => quote(self.rng.pick(&["0", "1", "4"])),
                    1 => self.rng.pick(&["0", "5"]).to_owned(),
                    2 => format!("Ns.JobState'{name}'"),
                    _ => quote(name),
                }
            }
            'b' => self.rng.pick(&["true", "false"]).to_owned(),
            'd' => {
                let moment = self.rng.pick(MOMENTS);
                match self.rng.below(3) {
                    0 => quote(moment),
                    1 => moment.split('T').next().unwrap().to_owned(),
                    _ => moment.to_owned(),
                }
            }
            _ => quote(self.rng.pick(TEXTS)),
        }
    }

    fn comparison(&mut self) -> Option<String> {
        let kind = self.rng.pick(&['i', 'i', 't', 't', 't', 'g', 's', 'b', 'd', 'r']);
        let left = self.value(kind)?;
        let op = if kind == 'b' {
            self.rng.pick(&["eq", "ne"])
        } else {
            self.rng.pick(&["eq", "eq", "ne", "gt", "ge", "lt", "le"])
        };
        Some(match self.rng.below(9) {
            0 => format!("{left} {op} null"),
            1 => format!("null {op} {left}"),
            2 => {
                let other = match kind {
                    'i' | 'r' => self.rng.pick(&['i', 'r']),
                    't' | 'g' => self.rng.pick(&['t', 'g']),
                    same => same,
                };
                format!("{left} {op} {}", self.value(other)?)
            }
            3 | 4 if kind != 'b' => {
                let count = 1 + self.rng.below(4);
                let mut list: Vec<String> = (0..count).map(|_| self.literal(kind)).collect();
                if kind != 'r' {
                    list.retain(|l| !l.contains('e') || l.starts_with(['\'', 'N']) || l.contains('-'));
                    list.retain(|l| kind != 'i' || !l.contains("1e"));
                }
                if list.is_empty() || self.rng.one_in(5) {
                    list.push("null".to_owned());
                }
                format!("{left} in ({})", list.join(","))
            }
            5 => format!("{} {op} {left}", self.literal(kind)),
            _ => format!("{left} {op} {}", self.literal(kind)),
        })
    }

    fn search(&mut self) -> Option<String> {
        let function = self.rng.pick(&["contains", "startswith", "endswith"]);
        let text = self.value('t')?;
        let part = if self.rng.one_in(4) { self.value('t')? } else { quote(self.rng.pick(TEXTS)) };
        Some(format!("{function}({text},{part})"))
    }

    fn lambda(&mut self) -> Option<String> {
        let (prefix, ty) = self.scopes.last().unwrap().clone();
        let (path, target) = *many(ty).get(self.rng.below(many(ty).len().max(1)))?;
        if self.scopes.len() > 2 {
            return None;
        }
        if self.rng.one_in(6) {
            return Some(format!("{prefix}{path}/any()"));
        }
        let variable = ["x", "y"][self.scopes.len() - 1];
        self.scopes.push((format!("{variable}/"), target));
        let body = self.condition(2);
        self.scopes.pop();
        Some(format!("{prefix}{path}/{}({variable}:{body})", self.rng.pick(&["any", "any", "all"])))
    }

    pub fn condition(&mut self, depth: usize) -> String {
        if self.budget == 0 {
            return self.rng.pick(&["true", "false", "1 eq 1", "null ne null"]).to_owned();
        }
        self.budget -= 1;
        let inner = depth > 0;
        let made = match self.rng.below(16) {
            0 | 1 if inner => Some(format!("not ({})", self.condition(depth - 1))),
            2..=4 if inner => {
                let parts: Vec<String> = (0..2 + self.rng.below(2)).map(|_| self.condition(depth - 1)).collect();
                Some(format!("({})", parts.join(self.rng.pick(&[" and ", " or "]))))
            }
            5 if inner => {
                let op = self.rng.pick(&["eq", "ne"]);
                let side = self.rng.pick(&["true", "false"]).to_owned();
                Some(format!("({}) {op} {side}", self.condition(depth - 1)))
            }
            6 if inner => {
                let left = self.search();
                let right = if self.rng.one_in(2) { self.search() } else { self.field(&['b']) };
                let op = self.rng.pick(&["eq", "ne"]);
                left.zip(right).map(|(l, r)| format!("{l} {op} {r}"))
            }
            7 | 8 => self.lambda(),
            9 => self.field(&['b']),
            10..=12 => self.search(),
            _ => self.comparison(),
        };
        made.unwrap_or_else(|| "Id eq 1".replace("Id", if self.scopes[0].1 == "LicenseDto" { "Slots" } else { "Id" }))
    }

    fn order(&mut self) -> String {
        let ty = self.scopes[0].1;
        let terms = 1 + self.rng.below(3);
        let terms: Vec<String> = (0..terms)
            .map(|_| {
                let (path, kind) = self.rng.pick(fields(ty));
                let term = match kind {
                    't' if self.rng.one_in(4) => format!("length({path})"),
                    'd' if self.rng.one_in(3) => format!("year({path})"),
                    _ => path.to_owned(),
                };
                format!("{term}{}", self.rng.pick(&["", " asc", " desc"]))
            })
            .collect();
        terms.join(",")
    }

    /// Options as pairs.
    pub fn options(&mut self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        if !self.rng.one_in(10) {
            pairs.push(("$filter".to_owned(), self.condition(3)));
        }
        if self.rng.one_in(2) {
            pairs.push(("$orderby".to_owned(), self.order()));
        }
        if self.rng.one_in(3) {
            pairs.push(("$top".to_owned(), self.rng.below(12).to_string()));
        }
        if self.rng.one_in(3) {
            pairs.push(("$skip".to_owned(), self.rng.below(8).to_string()));
        }
        let expand = match self.scopes[0].1 {
            "JobDto" => self.rng.pick(&[
                "",
                "",
                "Robot",
                "Robot/License",
                "Tags",
                "Tags($expand=Robot;$orderby=Label desc)",
                "Robot($expand=Jobs($select=Id;$filter=Enabled))",
                "Tags($top=2;$skip=1;$orderby=Weight),Robot",
            ]),
            "RobotDto" => self.rng.pick(&["", "Jobs($top=1;$orderby=Name desc)", "Jobs($expand=Tags),License"]),
            _ => "",
        };
        if !expand.is_empty() {
            pairs.push(("$expand".to_owned(), expand.to_owned()));
        }
        pairs
    }
}
