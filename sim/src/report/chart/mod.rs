//! The picture: a row for each experiment, time to the right.

mod axis;
mod lanes;

use super::words::{self, count};
use crate::picture::{Canvas, DEFS, Lane, Paint, STYLE, Scale, clusters, escape, short};
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::span::{millis, span};
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
const SERVICE_HEIGHT: u64 = 14;
/// How many steps are listed below the picture.
const STEPS_LISTED: usize = 24;

/// The picture that grows, from top to bottom.
struct Picture {
    canvas: Canvas,
    /// Where the marks of the steps begin, whose lines go down through all rows.
    steps: Vec<u64>,
}

impl Picture {
    fn new(scenario: &Scenario, outcome: &Outcome) -> Self {
        let names = scenario.lab.experiments.keys().map(|name| name.chars().count().min(NAME_MOST));
        let longest = names.max().unwrap_or_default().max("relay".len()) as u64;
        let left = MARGIN + longest * NAME_CHARACTER + 10;
        let end = millis(words::end(scenario, outcome)).max(1);
        let scale = Scale { end, columns: WIDTH - MARGIN - left };
        let canvas = Canvas { body: String::new(), scale, pixels: 1, left, y: MARGIN };
        Self { canvas, steps: Vec::new() }
    }

    fn add(&mut self, text: &str) {
        self.canvas.add(text);
    }

    fn text(&mut self, class: &str, x: u64, y: u64, text: &str) {
        self.canvas.text(class, x, y, text);
    }

    fn head(&mut self, scenario: &Scenario, outcome: &Outcome) {
        self.text("st-title", MARGIN, self.canvas.y + 14, &short(&scenario.name, 110));
        let begin = words::begin(outcome).map_or_else(String::new, |wall| {
            let wall = wall.to_string();
            let minute = wall.get(..16).unwrap_or(&wall).replace('T', " ");
            format!("; begins {minute} UTC")
        });
        self.text("st-small", MARGIN, self.canvas.y + 34, &short(&(words::setup(scenario) + &begin), 180));
        self.text("st-small", MARGIN, self.canvas.y + 50, &result(outcome));
        self.canvas.y += 68;
    }

    /// The steps and the mails, along the top.
    fn marks(&mut self, outcome: &Outcome) {
        let entries = &outcome.timeline.entries;
        let happened = |what: &What| matches!(what, What::Happened { .. });
        let steps: Vec<u64> =
            entries.iter().filter(|entry| happened(&entry.what)).map(|entry| entry.millis).collect();
        let mails: Vec<u64> = outcome.timeline.mails().map(|(at, _)| millis(at)).collect();
        self.steps = columns(&steps, self.canvas.scale);
        self.pills("step", "steps", &steps, axis::step_name);
        let y = self.canvas.y + 16;
        self.pills("mail", "mails", &mails, |i| (i + 1).to_string());
        let ticks = columns(&mails, self.canvas.scale);
        let left = self.canvas.left;
        let ticks: String = ticks.iter().map(|column| format!("M{}.5 {y}v6", left + column)).collect();
        if !ticks.is_empty() {
            self.add(&format!(r#"<path class="st-tick" d="{ticks}"/>"#));
        }
        self.canvas.y += 4;
    }

    fn pills(&mut self, kind: &str, name: &str, times: &[u64], label: impl Fn(usize) -> String) {
        let (x, y) = (self.canvas.left - 6, self.canvas.y + 12);
        self.text("st-name", x, y, name);
        let clusters = clusters(times, self.canvas.scale, label);
        self.canvas.pills(kind, &clusters, WIDTH - 4, |cluster| {
            let from = axis::whole_seconds(times[cluster.members.start]);
            format!("{kind} {}, {from}", cluster.label)
        });
    }

    /// The services, the experiments, and the axis below them.
    fn rows(&mut self, scenario: &Scenario, outcome: &Outcome) {
        let top = self.canvas.y;
        let begin = self.canvas.body.len();
        for lane in lanes::services(scenario, outcome, self.canvas.scale) {
            self.lane(&lane, SERVICE_HEIGHT, 3, true);
        }
        self.canvas.y += 6;
        let lanes = lanes::experiments(scenario, outcome, self.canvas.scale);
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
        let bottom = self.canvas.y;
        let ticks: Vec<(u64, String)> = axis::ticks(self.canvas.scale.end)
            .into_iter()
            .map(|(at, label)| (self.canvas.scale.column(at), label))
            .collect();
        self.canvas.grid(ticks.iter().map(|(column, _)| *column), top, bottom + 4, begin);
        let line = |column: &u64| format!("M{}.5 {}V{bottom}", self.canvas.left + column, top - 30);
        let steps: String = self.steps.iter().map(line).collect();
        if !steps.is_empty() {
            self.add(&format!(r#"<path class="st-step" d="{steps}"/>"#));
        }
        for (x, label) in ticks {
            self.text("st-label", self.canvas.x(x), bottom + 17, &label);
        }
        let pixel = std::time::Duration::from_millis(self.canvas.scale.end / self.canvas.scale.columns);
        let mut note = axis::unit(self.canvas.scale.end).to_owned();
        if pixel >= std::time::Duration::from_secs(1) {
            note.push_str(&format!("; each pixel is {} and shows the worst that was in it", span(pixel)));
        }
        self.text("st-small", self.canvas.left, bottom + 34, &note);
        self.canvas.y = bottom + 48;
    }

    fn lane(&mut self, lane: &Lane, height: u64, gap: u64, named: bool) {
        if named {
            self.canvas.name(&lane.name, height - gap);
        }
        self.canvas.lane(lane, &lane.name, height, gap, |_| None);
    }

    fn legend(&mut self) {
        let states = State::ALL.map(lanes::paint).into_iter();
        let paints: Vec<Paint> = states.chain([Paint::Fine, Paint::Alert]).collect();
        self.canvas.legend(&paints);
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
                | What::Leads { .. }
                | What::Noted { .. }
                | What::Asked { .. }
                | What::Booking { .. }
                | What::Mailed { .. } => None,
            })
            .collect();
        let listed = steps.len().min(STEPS_LISTED);
        let rows = listed.div_ceil(2);
        let top = self.canvas.y;
        for (i, (at, text)) in steps.iter().take(listed).enumerate() {
            let x = if i < rows { MARGIN } else { WIDTH / 2 };
            let y = top + (i % rows.max(1)) as u64 * 17 + 10;
            self.text("st-small", x, y, &axis::step_name(i));
            self.text("st-small", x + 22, y, &axis::whole_seconds(*at));
            self.text("st-small", x + 82, y, &short(text, 76));
        }
        self.canvas.y += rows as u64 * 17;
        if steps.len() > listed {
            let more = format!("and {} more", count(steps.len() - listed, "step", "steps"));
            self.text("st-small", MARGIN, self.canvas.y + 10, &more);
            self.canvas.y += 17;
        }
    }

    fn finish(self, scenario: &Scenario) -> String {
        let height = self.canvas.y + MARGIN - 8;
        let name = escape(&scenario.name);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"st-picture\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{name}</title>\n{STYLE}{DEFS}\
             <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#fbfcfd\"/>\n{}</svg>\n",
            self.canvas.body,
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
        insta::assert_snapshot!("camera", picture.replace(STYLE, "").replace(DEFS, ""));
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
