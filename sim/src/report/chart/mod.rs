//! The picture: a row for each experiment, time to the right.

mod axis;
mod lanes;
mod svg;

use axis::Cluster;
use lanes::{Lane, Paint, Scale};
use svg::{class, escape, meaning, short};

use super::words::{self, count};
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::span::span;
use crate::timeline::{State, What};

/// A run as an SVG. The same run gives the same bytes.
#[must_use]
pub fn chart(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut picture = Picture::new(scenario, outcome);
    picture.head(scenario, outcome);
    picture.marks(outcome);
    picture.rows(scenario, outcome);
    picture.legend();
    picture.steps(outcome);
    picture.finish(scenario)
}

const WIDTH: u64 = 1_200;
const MARGIN: u64 = 24;
/// A character of a row's name is about so wide.
const NAME_CHARACTER: u64 = 7;
/// Longer names are cut.
const NAME_MOST: usize = 22;
/// The rows of all experiments together are about so high.
const ROWS_HEIGHT: usize = 800;
/// Names of rows are at least so far apart.
const NAMES_APART: u64 = 12;
/// Rows lower than this don't show all of a pattern.
const LOW: u64 = 6;
const MARKS_HEIGHT: u64 = 22;
const SERVICE_HEIGHT: u64 = 14;
/// How many steps are listed below the picture.
const STEPS_LISTED: usize = 24;

/// The picture that grows, from top to bottom.
struct Picture {
    body: String,
    scale: Scale,
    /// Where the columns begin.
    left: u64,
    /// Where the next thing goes.
    y: u64,
    /// Where the marks of the steps begin, whose lines go down through all rows.
    steps: Vec<u64>,
}

impl Picture {
    fn new(scenario: &Scenario, outcome: &Outcome) -> Self {
        let names = scenario.lab.experiments.keys().map(|name| name.chars().count().min(NAME_MOST));
        let longest = names.max().unwrap_or_default().max("relay".len()) as u64;
        let left = MARGIN + longest * NAME_CHARACTER + 10;
        let end = u64::try_from(words::end(scenario, outcome).as_millis()).unwrap_or(u64::MAX).max(1);
        let scale = Scale { end, columns: WIDTH - MARGIN - left };
        Self { body: String::new(), scale, left, y: MARGIN, steps: Vec::new() }
    }

    fn add(&mut self, text: &str) {
        self.body.push_str(text);
        self.body.push('\n');
    }

    /// A text at a place.
    fn text(&mut self, class: &str, x: u64, y: u64, text: &str) {
        self.add(&format!(r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, escape(text)));
    }

    fn head(&mut self, scenario: &Scenario, outcome: &Outcome) {
        self.text("st-title", MARGIN, self.y + 14, &short(&scenario.name, 110));
        let begin = words::begin(outcome).map_or_else(String::new, |wall| {
            let wall = wall.to_string();
            let minute = wall.get(..16).unwrap_or(&wall).replace('T', " ");
            format!("; begins {minute} UTC")
        });
        self.text("st-small", MARGIN, self.y + 34, &short(&(words::setup(scenario) + &begin), 180));
        self.text("st-small", MARGIN, self.y + 50, &result(outcome));
        self.y += 68;
    }

    /// The steps and the mails, along the top.
    fn marks(&mut self, outcome: &Outcome) {
        let entries = &outcome.timeline.entries;
        let happened = |what: &What| matches!(what, What::Happened { .. });
        let steps: Vec<u64> =
            entries.iter().filter(|entry| happened(&entry.what)).map(|entry| entry.millis).collect();
        let mails: Vec<u64> = outcome.timeline.mails().map(|(at, _)| millis(at)).collect();
        self.steps = columns(&steps, self.scale);
        let clusters = axis::clusters(&steps, self.scale, axis::check_mail);
        self.pills("step", "steps", &clusters, &steps);
        let clusters = axis::clusters(&mails, self.scale, |i| (i + 1).to_string());
        let y = self.y + MARKS_HEIGHT - 6;
        self.pills("mail", "mails", &clusters, &mails);
        let ticks = columns(&mails, self.scale);
        let left = self.left;
        let ticks: String = ticks.iter().map(|column| format!("M{}.5 {y}v6", left + column)).collect();
        if !ticks.is_empty() {
            self.add(&format!(r#"<path class="st-tick" d="{ticks}"/>"#));
        }
        self.y += 4;
    }

    fn pills(&mut self, kind: &str, name: &str, clusters: &[Cluster], times: &[u64]) {
        let y = self.y;
        self.text("st-name", self.left - 6, y + 12, name);
        for cluster in clusters {
            let width = axis::label_width(&cluster.label);
            // At the right edge it moves to the left, so that it stays in the picture.
            let x = (self.left + cluster.column).min(WIDTH - 4 - width);
            let middle = x + width / 2;
            let from = axis::whole_seconds(times[cluster.members.start]);
            let label = &cluster.label;
            let text = if kind == "mail" { "st-label-mail" } else { "st-label" };
            self.add(&format!(
                r#"<g><title>{kind} {label}, {from}</title><rect class="st-pill-{kind}" x="{x}" y="{y}" width="{width}" height="16" rx="3"/><text class="{text}" x="{middle}" y="{}">{label}</text></g>"#,
                y + 12,
            ));
        }
        self.y += MARKS_HEIGHT;
    }

    /// The services, the experiments, and the axis below them.
    fn rows(&mut self, scenario: &Scenario, outcome: &Outcome) {
        let top = self.y;
        let begin = self.body.len();
        for lane in lanes::services(scenario, outcome, self.scale) {
            self.lane(&lane, SERVICE_HEIGHT, 3, true);
        }
        self.y += 6;
        let lanes = lanes::experiments(scenario, outcome, self.scale);
        let height = (ROWS_HEIGHT / lanes.len().max(1)).clamp(2, 20) as u64;
        let gap = match height {
            ..4 => 0,
            4..8 => 1,
            8.. => 3,
        };
        let every = if height >= NAMES_APART { 1 } else { NAMES_APART.div_ceil(height) };
        for (i, lane) in lanes.iter().enumerate() {
            self.lane(lane, height, gap, (i as u64).is_multiple_of(every));
        }
        self.axis(top, begin);
    }

    /// The grid and the lines of the steps from `top` down to the axis. The grid is behind the rows, which the text
    /// has from `begin` on.
    fn axis(&mut self, top: u64, begin: usize) {
        let bottom = self.y;
        let ticks: Vec<(u64, String)> = axis::ticks(self.scale.end)
            .into_iter()
            .map(|(at, label)| (self.left + self.scale.column(at), label))
            .collect();
        let grid: String = ticks.iter().map(|(x, _)| format!("M{x}.5 {top}V{}", bottom + 4)).collect();
        self.body.insert_str(begin, &format!("<path class=\"st-grid\" d=\"{grid}\"/>\n"));
        let line = |column: &u64| format!("M{}.5 {}V{bottom}", self.left + column, top - 30);
        let steps: String = self.steps.iter().map(line).collect();
        if !steps.is_empty() {
            self.add(&format!(r#"<path class="st-step" d="{steps}"/>"#));
        }
        for (x, label) in ticks {
            self.text("st-label", x, bottom + 17, &label);
        }
        let pixel = std::time::Duration::from_millis(self.scale.end / self.scale.columns);
        let mut note = axis::unit(self.scale.end).to_owned();
        if pixel >= std::time::Duration::from_secs(1) {
            note.push_str(&format!("; each pixel is {} and shows the worst that was in it", span(pixel)));
        }
        self.text("st-small", self.left, bottom + 34, &note);
        self.y = bottom + 48;
    }

    fn lane(&mut self, lane: &Lane, height: u64, gap: u64, named: bool) {
        let (y, bar) = (self.y, height - gap);
        if named {
            // Names that stand for several low rows are at the height of the first.
            let base = y + if bar >= 9 { bar / 2 + 4 } else { bar.min(4) + 4 };
            let name = short(&lane.name, NAME_MOST);
            self.text("st-name", self.left - 6, base, &name);
        }
        let (left, columns) = (self.left, self.scale.columns);
        let mut paths: Vec<(Paint, String)> = Vec::new();
        for (from, width, paint) in lane.stretches() {
            let piece = format!("M{} {y}h{width}v{bar}h-{width}z", left + from as u64);
            match paths.iter_mut().find(|(known, _)| *known == paint) {
                Some((_, path)) => path.push_str(&piece),
                None => paths.push((paint, piece)),
            }
        }
        let whole: u64 = lane.stretches().map(|(_, width, _)| width as u64).sum();
        let low = if bar < LOW { " class=\"st-low\"" } else { "" };
        self.add(&format!("<g{low}><title>{}</title>", escape(&lane.name)));
        if whole < columns {
            self.add(&format!(r#"<path class="st-empty" d="M{left} {y}h{columns}v{bar}h-{columns}z"/>"#));
        }
        for (paint, path) in paths {
            self.add(&format!(r#"<path class="{}" d="{path}"/>"#, class(paint)));
        }
        self.add("</g>");
        self.y += height;
    }

    fn legend(&mut self) {
        let mut x = self.left;
        let y = self.y;
        for paint in State::ALL.map(Paint::Is).into_iter().chain([Paint::Fine, Paint::Alert]) {
            let name = meaning(paint);
            self.add(&format!(
                r#"<rect class="{}" x="{x}" y="{y}" width="24" height="12" stroke="{}" stroke-width="0.5"/>"#,
                class(paint),
                "#8795a1",
            ));
            self.text("st-small", x + 30, y + 10, name);
            x += 30 + name.chars().count() as u64 * 6 + 22;
        }
        self.y += 30;
    }

    /// What happened at each step, in two columns.
    fn steps(&mut self, outcome: &Outcome) {
        let steps: Vec<(u64, &str)> = outcome
            .timeline
            .entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Happened { text } => Some((entry.millis, text.as_str())),
                What::Stands { .. }
                | What::Event { .. }
                | What::AlertRaised { .. }
                | What::AlertCleared { .. }
                | What::Attended { .. }
                | What::Remarked { .. }
                | What::Refused { .. }
                | What::Noted { .. }
                | What::Asked { .. }
                | What::Booking { .. }
                | What::Mailed { .. } => None,
            })
            .collect();
        let listed = steps.len().min(STEPS_LISTED);
        let rows = listed.div_ceil(2);
        let top = self.y;
        for (i, (at, text)) in steps.iter().take(listed).enumerate() {
            let x = if i < rows { MARGIN } else { WIDTH / 2 };
            let y = top + (i % rows.max(1)) as u64 * 17 + 10;
            self.text("st-small", x, y, &axis::check_mail(i));
            self.text("st-small", x + 22, y, &axis::whole_seconds(*at));
            self.text("st-small", x + 82, y, &short(text, 76));
        }
        self.y += rows as u64 * 17;
        if steps.len() > listed {
            let more = format!("and {} more", count(steps.len() - listed, "step", "steps"));
            self.text("st-small", MARGIN, self.y + 10, &more);
            self.y += 17;
        }
    }

    fn finish(self, scenario: &Scenario) -> String {
        let height = self.y + MARGIN - 8;
        let name = escape(&scenario.name);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"st-picture\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{name}</title>\n{}\
             <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#fbfcfd\"/>\n{}</svg>\n",
            svg::STYLE,
            self.body,
        )
    }
}

/// What came of it, in a line.
fn result(outcome: &Outcome) -> String {
    let figures = &outcome.figures;
    let mails = count(figures.mails, "mail", "mails");
    let changes = count(figures.changes, "availability change", "availability changes");
    let detected =
        figures.time_to_detect.map_or_else(String::new, |time| format!(", detected after {}", span(time)));
    let failed = outcome.violations.len() + outcome.unmet.len();
    let failed = if failed == 0 { String::new() } else { format!("; FAILED: {failed}") };
    format!(
        "{mails}, {changes}{detected}, wrongly bookable {}, wrongly unavailable {}{failed}",
        span(figures.wrongly_bookable),
        span(figures.wrongly_unavailable),
    )
}

/// The columns in which something is, each once.
fn columns(times: &[u64], scale: Scale) -> Vec<u64> {
    let mut columns: Vec<u64> = times.iter().map(|at| scale.column(*at)).collect();
    columns.dedup();
    columns
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Ending, run};

    fn drawn(file: &str) -> String {
        let scenario = Scenario::read(file).unwrap();
        chart(&scenario, &run(&scenario, Ending::AsWritten).unwrap())
    }

    #[test]
    fn a_camera_that_freezes_is_drawn() {
        let camera = include_str!("../../../tests/data/camera.toml");
        let picture = drawn(camera);
        assert_eq!(picture, drawn(camera));
        // Colours and patterns are for the eye: what they are painted on is the same whatever they are.
        insta::assert_snapshot!("camera", picture.replace(svg::STYLE, ""));
    }

    #[test]
    fn names_are_no_markup() {
        let picture = drawn("name = \"a <b> & c\"\nlasts = \"2m\"\nlab = { experiments = 1 }");
        assert!(
            picture.contains("<title>a &lt;b&gt; &amp; c</title>") && !picture.contains("<b>"),
            "{picture}"
        );
    }

    #[test]
    fn many_rows_are_low_and_few_of_them_are_named() {
        let picture = drawn("name = \"many\"\nlasts = \"2m\"\nlab = { experiments = 500 }");
        let height = picture.split("height=\"").nth(1).and_then(|rest| rest.split('"').next());
        let height: u64 = height.unwrap().parse().unwrap();
        assert!((1_000..1_500).contains(&height), "{height}");
        let names = picture.matches(r#"<text class="st-name""#).count();
        assert!((50..120).contains(&names), "{names}");
    }

    #[test]
    fn flapping_for_days_is_no_larger_than_its_pixels() {
        let picture = drawn(
            r#"
            name = "A camera flaps"
            lasts = "10d"
            lab = { experiments = 1 }
            steps = [{ at = "2m", do = "flap", what = "pend00-st-video", every = "10m" }]
            "#,
        );
        assert!(picture.len() < 60_000, "{}", picture.len());
    }

    #[test]
    fn nothing_to_draw_is_a_picture_too() {
        let picture = drawn("name = \"nothing\"\nlasts = \"1s\"");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    }
}
