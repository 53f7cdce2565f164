//! The time line: a row for each experiment, time to the right.

use std::collections::BTreeMap;
use std::fmt::Write;

use status_adapters::store::PastMail;
use status_core::{ExperimentName, Feed, SystemAlert};
use status_sim::picture::{Canvas, DEFS, Lane, Paint, Run, Scale, Words, clusters, escape, label_width};
use url::form_urlencoded::byte_serialize;

use super::super::words::{percent, stamp};
use super::ticks::ticks;
use super::told;
use crate::http::asked::Named;
use crate::observers::uptime::{Span, State, Stretch, Tally, outages};
use crate::past::{AlertTime, Past, Track, incident};
use crate::settings::Groups;

/// How wide the picture is, in pixels.
const WIDTH: u64 = 1_080;
/// How many pixels a column may be wide: the fewer, the finer.
const PIXELS: [u64; 7] = [1, 2, 3, 6, 12, 36, 108];
/// How many runs of columns there may be besides one for each row, so that the page is not too large.
const RUNS: usize = 1_800;
/// How many of them have words of their own.
const WORDED: usize = 600;
/// Up to so many rows are high.
const FEW: usize = 100;
const AXIS: u64 = 20;
const SERVICE: u64 = 18;
const GROUP: u64 = 24;

/// A time line as it stands on the page.
pub(super) struct Timeline {
    /// The names at the left, as HTML.
    pub(super) names: String,
    /// The rows, as SVG.
    pub(super) svg: String,
    /// How many experiments it shows.
    pub(super) rows: usize,
    /// How many outages those had.
    pub(super) outages: usize,
}

/// The services, and the system alerts about each.
const SERVICES: [(&str, &[SystemAlert]); 4] = [
    ("relay", &[SystemAlert::Silent(Feed::Relay)]),
    ("jump", &[SystemAlert::Silent(Feed::Jump)]),
    ("book", &[SystemAlert::BookUnreachable, SystemAlert::ManifestEmpty]),
    ("store", &[SystemAlert::StoreBroken, SystemAlert::StoreReplaced]),
];

impl Timeline {
    /// Draws what happened in these groups; `name` selects rows, and `root` is what each link begins with.
    pub(super) fn draw(past: &Past, chosen_groups: &Groups, name: Option<&Named>, root: &str) -> Self {
        let chosen =
            |(own, _): &(&ExperimentName, &Track)| name.is_none_or(|name| name.matches(own.as_str()));
        let mut groups: BTreeMap<&str, Vec<(&ExperimentName, &Track)>> = BTreeMap::new();
        for (own, track) in past.experiments.iter().filter(chosen) {
            groups.entry(chosen_groups.of(own.as_str())).or_default().push((own, track));
        }
        let rows = groups.values().map(Vec::len).sum::<usize>();
        let (pixels, runs) = fineness(past, &groups);
        let height = if rows <= FEW { 20 } else { 14 };
        let canvas =
            Canvas { body: String::new(), scale: scale(past.window, pixels), pixels, left: 0, y: AXIS };
        let worded = WORDED.checked_div(rows).unwrap_or(WORDED).max(1);
        let worded = if runs <= WORDED {
            usize::MAX
        } else if runs <= RUNS {
            worded
        } else {
            0
        };
        let mut drawing = Drawing { past, root, canvas, names: String::new(), worded, height };
        drawing.services();
        drawing.mails();
        for (group, members) in &groups {
            drawing.group(group, members);
        }
        let outages = groups.values().flatten().map(|(_, track)| outages(&track.stretches).len()).sum();
        drawing.finish(rows, outages)
    }
}

fn scale(window: Span, pixels: u64) -> Scale {
    let end = u64::try_from(window.length().as_millis()).unwrap_or(u64::MAX).max(1);
    Scale { end, columns: WIDTH / pixels }
}

/// How many pixels a column is wide, so that there are not too many runs of them, and how many there are then.
fn fineness(past: &Past, groups: &BTreeMap<&str, Vec<(&ExperimentName, &Track)>>) -> (u64, usize) {
    let count = |pixels: u64| {
        let scale = scale(past.window, pixels);
        let runs = |track: &Track| {
            lane("", track, past.window, scale).runs().filter(|run| is_told(run.paint)).count()
        };
        groups.values().flatten().map(|(_, track)| runs(track)).sum::<usize>()
    };
    let mut last = (1, 0);
    for pixels in PIXELS {
        last = (pixels, count(pixels));
        if last.1 <= RUNS {
            break;
        }
    }
    last
}

/// What is not as it should be has words of its own.
fn is_told(paint: Paint) -> bool {
    !matches!(paint, Paint::Fine | Paint::Healthy)
}

fn paint(state: State) -> Paint {
    match state {
        State::Healthy => Paint::Healthy,
        State::Unhealthy => Paint::Unhealthy,
        State::Out => Paint::Unavailable,
        State::Maintenance => Paint::Maintenance,
        State::Startup => Paint::Startup,
        State::Unknown => Paint::Unwatched,
    }
}

/// The milliseconds after the beginning of a window from which to which something was.
fn offsets(span: Span, window: Span) -> (u64, u64) {
    let after = |at: status_core::Wall| at.as_millis().saturating_sub(window.from.as_millis());
    (after(span.from), after(span.to))
}

fn lane(name: &str, track: &Track, window: Span, scale: Scale) -> Lane {
    let mut lane = Lane::new(name, scale);
    for stretch in &track.stretches {
        let (from, to) = offsets(stretch.span, window);
        lane.was(from, to, paint(stretch.state), scale);
    }
    lane
}

struct Drawing<'a> {
    past: &'a Past,
    root: &'a str,
    canvas: Canvas,
    names: String,
    /// How many runs of a row have words.
    worded: usize,
    height: u64,
}

impl Drawing<'_> {
    /// Writing to a string cannot fail.
    fn name(&mut self, html: std::fmt::Arguments<'_>) {
        let _ = self.names.write_fmt(html);
        self.names.push('\n');
    }

    fn services(&mut self) {
        let past = self.past;
        for (name, alerts) in SERVICES {
            let own = past.alerts.iter().filter(|one| alerts.contains(&one.alert));
            let stood: Vec<(&AlertTime, Span)> =
                own.filter_map(|one| Some((one, one.span(past.window)?))).collect();
            if !stood.is_empty() || name != "store" {
                self.service(name, &stood);
            }
        }
    }

    fn service(&mut self, name: &str, stood: &[(&AlertTime, Span)]) {
        let (past, scale, root) = (self.past, self.canvas.scale, self.root);
        let mut lane = Lane::new(name, scale);
        for span in past.watched.iter().filter_map(|span| span.within(past.window)) {
            let (from, to) = offsets(span, past.window);
            lane.was(from, to, Paint::Fine, scale);
        }
        for (_, span) in stood {
            let (from, to) = offsets(*span, past.window);
            lane.was(from, to, Paint::Alert, scale);
        }
        let mut left = WORDED;
        self.canvas.lane(&lane, name, SERVICE, 5, |run| {
            left = left.checked_sub(usize::from(run.paint == Paint::Alert))?;
            let mut here = stood.iter().filter(|(_, span)| is_in(run, *span, past.window, scale));
            let (one, span) = here.next().filter(|_| run.paint == Paint::Alert)?;
            let more = match here.count() {
                0 => String::new(),
                more => format!("; and {more} more close by"),
            };
            let id = incident::id(one.alert.as_str(), one.since);
            let href = format!("{root}?incidents&kind=system#{id}");
            Some(Words { title: format!("{}, {}{more}", one.alert, told::times(*span)), href })
        });
        self.name(format_args!("<span class=service>{name}</span>"));
    }

    fn mails(&mut self) {
        let past = self.past;
        let is_inside = |mail: &&PastMail| past.window.from <= mail.at && mail.at < past.window.to;
        let mails: Vec<&PastMail> = past.mails.iter().filter(is_inside).collect();
        let at = |mail: &&PastMail| offsets(Span { from: mail.at, to: mail.at }, past.window).0;
        let times: Vec<u64> = mails.iter().map(at).collect();
        // As wide as the widest label.
        let pixels = Scale { columns: WIDTH, ..self.canvas.scale };
        let mut found = clusters(&times, pixels, |_| "✉ ".to_owned());
        for cluster in &mut found {
            cluster.column = (cluster.column / self.canvas.pixels).min(self.canvas.scale.columns);
            cluster.label = match cluster.members.len() {
                1 => "✉".to_owned(),
                more => format!("✉ {more}"),
            };
        }
        self.canvas.pills("mail", &found, WIDTH, |cluster| match &mails[cluster.members.clone()] {
            [] => String::new(),
            [one] => format!("mail, {}: {}", stamp(&one.at.to_string()), one.subject),
            [first, rest @ ..] => format!(
                "{} mails, from {} on: {}",
                rest.len() + 1,
                stamp(&first.at.to_string()),
                first.subject
            ),
        });
        self.name(format_args!("<span class=mails>mails</span>"));
    }

    fn group(&mut self, group: &str, members: &[(&ExperimentName, &Track)]) {
        self.canvas.y += GROUP;
        let count = members.len();
        self.name(format_args!("<b class=kind>{} <small>{count}</small></b>", escape(group)));
        for (name, track) in members {
            self.experiment(name, track);
        }
    }

    fn experiment(&mut self, name: &ExperimentName, track: &Track) {
        let (past, scale, root) = (self.past, self.canvas.scale, self.root);
        let lane = lane(name.as_str(), track, past.window, scale);
        let link: String = byte_serialize(name.as_str().as_bytes()).collect();
        let mut left = self.worded;
        let own = outages(&track.stretches);
        let title = format!("{}: {} healthy", name.as_str(), percent(Tally::of(&track.stretches).share()));
        self.canvas.lane(&lane, &title, self.height, 3, |run| {
            left = left.checked_sub(usize::from(is_told(run.paint)))?;
            let is_here = |(_, one): &(usize, &Stretch)| {
                paint(one.state) == run.paint && is_in(run, one.span, past.window, scale)
            };
            let mut here = track.stretches.iter().enumerate().filter(is_here);
            let (at, one) = here.next().filter(|_| is_told(run.paint))?;
            let outage = own.iter().find(|outage| outage.first <= at && at <= outage.last);
            let href = match outage.filter(|_| one.state.is_down()) {
                Some(outage) => {
                    let from = outage.from.as_millis();
                    format!("{root}?incidents&name={link}#{link}@{from}")
                }
                None => format!("{root}?experiment={link}"),
            };
            Some(Words { title: told::stretch(past, name, track, one, here.count()), href })
        });
        self.name(format_args!("<a href=\"{root}?experiment={link}\">{}</a>", escape(name.as_str())));
    }

    /// The axis at both ends, and the grid behind the rows.
    fn finish(mut self, rows: usize, outages: usize) -> Timeline {
        let ticks: Vec<(u64, String)> = ticks(self.past.window)
            .into_iter()
            .map(|(at, label)| (self.canvas.scale.column(at), label))
            .collect();
        let bottom = self.canvas.y;
        self.canvas.grid(ticks.iter().map(|(column, _)| *column), AXIS - 4, bottom + 4, 0);
        for (column, label) in &ticks {
            let half = label_width(label) / 2;
            let x = self.canvas.x(*column).clamp(half, WIDTH - half);
            self.canvas.text("st-label", x, AXIS - 7, label);
            self.canvas.text("st-label", x, bottom + 16, label);
        }
        let high = bottom + AXIS + 4;
        let svg = format!(
            "<svg class=\"st-picture\" width=\"{WIDTH}\" height=\"{high}\" viewBox=\"0 0 {WIDTH} {high}\">\n{DEFS}{}</svg>",
            self.canvas.body,
        );
        let size = if self.height < 20 { "low" } else { "high" };
        let names = format!("<div class=\"names {size}\">\n<span class=axis></span>\n{}</div>", self.names);
        Timeline { names, svg, rows, outages }
    }
}

/// Whether a run of columns shows something of a stretch of time.
fn is_in(run: Run, span: Span, window: Span, scale: Scale) -> bool {
    let (from, to) = offsets(span, window);
    let touched = scale.touched(from, to);
    touched.start < run.from + run.width && run.from < touched.end
}

#[cfg(test)]
mod tests {
    use status_adapters::store::PastRecords;
    use status_core::{Event, Wall};

    use super::*;
    use crate::past::Startups;

    const HOUR: u64 = 3_600_000;
    const END: u64 = 30 * 24 * HOUR;

    fn event(name: &str, when: u64, healthy: bool) -> Event {
        let issues =
            if healthy { String::new() } else { format!(r#"{{"MissingRequired":"{name}-st-video"}}"#) };
        serde_json::from_str(&format!(
            r#"{{"when":{when},"healthy":{healthy},"jump_ok":true,"streams":{{}},"resources":{{"r-{name}":{healthy}}},"issues":[{issues}]}}"#
        ))
        .unwrap()
    }

    /// So many experiments over thirty days, each with an outage so often.
    fn lab(rigs: u64, outages: u64) -> Past {
        let mut records = PastRecords {
            watched: vec![(Wall::default(), Wall::from_millis(END))],
            ..PastRecords::default()
        };
        for rig in 0..rigs {
            let name = format!("{}{rig:03}", ["pend", "spin", "heat"][usize::try_from(rig % 3).unwrap()]);
            let mut events = vec![event(&name, 0, true)];
            for outage in 0..outages {
                let at = (outage + 1) * END / (outages + 1) + rig % 7 * HOUR;
                events.extend([event(&name, at, false), event(&name, at + HOUR * (1 + rig % 3), true)]);
            }
            records.events.insert(name.as_str().into(), events);
        }
        let window = Span { from: Wall::default(), to: Wall::from_millis(END) };
        Past::of(records, &Startups::default(), window, window.to)
    }

    #[test]
    fn five_hundred_rigs_over_a_month_fit_a_page_however_often_they_fail() {
        for outages in [0, 2, 5, 12, 30, 70] {
            let past = lab(500, outages);
            let drawn = Timeline::draw(&past, &Groups::default(), None, "./");
            let length = drawn.names.len() + drawn.svg.len();
            assert!(length < 290_000, "{outages} outages each: {length} bytes");
            assert_eq!((drawn.rows, drawn.outages), (500, 500 * usize::try_from(outages).unwrap()));
        }
    }

    #[test]
    fn a_stretch_says_what_happened_and_leads_there() {
        let past = lab(3, 1);
        let drawn = Timeline::draw(&past, &Groups::default(), None, "./");
        let at = END / 2;
        let link = format!("<a href=\"./?incidents&amp;name=pend000#pend000@{at}\" tabindex=\"-1\">");
        assert!(drawn.svg.contains(&link), "{}", drawn.svg);
        let told = "<title>pend000: could not be booked, 1970-01-16 00:00 to 01:00, 1 h: missing required pend000-st-video</title>";
        assert!(drawn.svg.contains(told), "{}", drawn.svg);
        let named = Named::read(Some("spin*")).unwrap();
        assert_eq!(Timeline::draw(&past, &Groups::default(), named.as_ref(), "").rows, 1);
        assert_eq!(Timeline::draw(&lab(0, 0), &Groups::default(), None, "").rows, 0);
    }
}
